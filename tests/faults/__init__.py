"""What becomes of a project when processes die, disks fill up and files are damaged."""
