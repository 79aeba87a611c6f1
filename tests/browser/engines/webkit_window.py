"""A bare window with a WebKit page, as small as a phone: what WebKitWebDriver starts. Runs on the system's Python."""

import os
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402 - only after the versions are chosen

WIDTH, HEIGHT = 390, 664
WATCH = os.environ["KAZASU_WATCH"]
"""A script that listens in every page."""


def started(_context: WebKit2.WebContext, session: WebKit2.AutomationSession) -> None:
    """Answer the driver's wish for a page."""
    info = WebKit2.ApplicationInfo()
    info.set_name("MiniBrowser")
    info.set_version(2, 50, 0)
    session.set_application_info(info)
    session.connect("create-web-view", lambda _session: opened())


def opened() -> WebKit2.WebView:
    """Open a window and return its page."""
    window = Gtk.Window()
    scripts = WebKit2.UserContentManager()
    in_all, at_start = WebKit2.UserContentInjectedFrames.ALL_FRAMES, WebKit2.UserScriptInjectionTime.START
    scripts.add_script(WebKit2.UserScript(WATCH, in_all, at_start))
    page = WebKit2.WebView(web_context=context, is_controlled_by_automation=True, user_content_manager=scripts)
    settings = page.get_settings()
    settings.set_enable_javascript_markup("KAZASU_NO_SCRIPTS" not in os.environ)
    settings.set_hardware_acceleration_policy(WebKit2.HardwareAccelerationPolicy.ALWAYS)
    scripts.connect("script-message-received::print", lambda _, told: printed(page, told.get_js_value().to_string()))
    scripts.register_script_message_handler("print")
    window.add(page)
    window.set_default_size(WIDTH, HEIGHT)
    window.show_all()
    return page


def printed(page: WebKit2.WebView, target: str) -> None:
    """Write the page into a PDF, and ask nobody."""
    settings = Gtk.PrintSettings()
    settings.set_printer("Print to File")
    settings.set(Gtk.PRINT_SETTINGS_OUTPUT_FILE_FORMAT, "pdf")
    settings.set(Gtk.PRINT_SETTINGS_OUTPUT_URI, f"file://{target}")
    paper = Gtk.PageSetup()
    paper.set_paper_size(Gtk.PaperSize.new(Gtk.PAPER_NAME_A4))
    operation = WebKit2.PrintOperation.new(page)
    operation.set_print_settings(settings)
    operation.set_page_setup(paper)
    operation.print_()


context = WebKit2.WebContext.new_ephemeral()
context.set_automation_allowed(True)
context.connect("automation-started", started)
Gtk.main()
sys.exit(0)
