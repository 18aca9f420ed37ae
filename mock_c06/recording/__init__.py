"""Record a run into a file, and serve a file's run again on another machine."""
