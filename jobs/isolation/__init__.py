"""Takes from a process what rendering does not need: files, network, other processes.

Two parts of the Linux kernel do it, without root and without a package. Landlock decides which
files a process can open, and seccomp which system calls it can make. Elsewhere nothing happens.
"""
