"""Tests that drive the workbench in a headless Chromium."""
