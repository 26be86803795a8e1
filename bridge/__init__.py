"""The daemon: sockets, session, conditioning, jobs, clips and the command line."""
