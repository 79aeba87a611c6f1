"""The office's pages: signing in, stations, links with a life, prints, accounts."""
