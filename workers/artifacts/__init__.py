"""Where the files that jobs make are kept: at fal, in a folder that servers serve, or in S3. One interface, `store`."""
