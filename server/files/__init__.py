"""Serves the folder of artifacts over HTTP, where no better web server does: SEGUE_FILES_LISTEN."""
