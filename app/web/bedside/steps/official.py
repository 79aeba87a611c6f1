"""The short way's page before the official one: the same link and the same help as `handoff`."""

from app.web.bedside.steps.handoff import shown

__all__ = ["shown"]
