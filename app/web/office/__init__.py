"""The office's pages, behind a sign-in."""
