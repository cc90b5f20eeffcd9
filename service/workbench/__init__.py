"""The workbench: try orders on synthetic patients in a browser, and read the rulebook."""
