"""What kernels say, read into values: captures, counters, lists of sockets. Pure: nothing here asks a kernel."""
