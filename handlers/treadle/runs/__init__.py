"""What a run is and how it lives; knows no HTTP and no database driver."""
