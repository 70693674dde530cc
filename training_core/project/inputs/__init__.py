"""What a folder of files would become in a project: names, lists, which mask is whose, and what is asked before."""
