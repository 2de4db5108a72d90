"""Files of tasks: images and checksums that are read, images and rows that are written."""
