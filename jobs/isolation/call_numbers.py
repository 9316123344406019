"""Numbers of system calls.

Source: `asm/unistd_64.h` for x86-64 and `asm-generic/unistd.h` for aarch64, Linux 6.10.
"""

from __future__ import annotations

NEWEST = 462
"""`mseal`. From 424 on, all architectures use the same numbers. Above are calls that this table
cannot judge yet."""

_TABLE = """
name                     x86_64 aarch64
execve                       59     221
execveat                    322     281
fork                         57       -
vfork                        58       -
clone                        56     220
clone3                      435     435
setsid                      112     157
setpgid                     109     154
kill                         62     129
tgkill                      234     131
tkill                       200     130
rt_sigqueueinfo             129     138
rt_tgsigqueueinfo           297     240
pidfd_open                  434     434
pidfd_getfd                 438     438
pidfd_send_signal           424     424
ptrace                      101     117
process_vm_readv            310     270
process_vm_writev           311     271
process_madvise             440     440
process_mrelease            448     448
kcmp                        312     272
move_pages                  279     239
migrate_pages               256     238
get_robust_list             274     100
perf_event_open             298     241
setpriority                 141     140
ioprio_set                  251      30
sched_setaffinity           203     122
sched_setattr               314     274
sched_setparam              142     118
sched_setscheduler          144     119
setrlimit                   160     164
prlimit64                   302     261
socket                       41     198
socketpair                   53     199
connect                      42     203
bind                         49     200
listen                       50     201
accept                       43     202
accept4                     288     242
sendmsg                      46     211
sendmmsg                    307     269
recvmsg                      47     212
recvmmsg                    299     243
setsockopt                   54     208
shmget                       29     194
shmat                        30     196
shmctl                       31     195
semget                       64     190
semop                        65     193
semtimedop                  220     192
semctl                       66     191
msgget                       68     186
msgsnd                       69     189
msgrcv                       70     188
msgctl                       71     187
mq_open                     240     180
mq_unlink                   241     181
memfd_create                319     279
memfd_secret                447     447
open                          2       -
openat                      257      56
openat2                     437     437
truncate                     76      45
chmod                        90       -
fchmod                       91      52
fchmodat                    268      53
fchmodat2                   452     452
chown                        92       -
fchown                       93      55
lchown                       94       -
fchownat                    260      54
utime                       132       -
utimes                      235       -
futimesat                   261       -
utimensat                   280      88
setxattr                    188       5
lsetxattr                   189       6
fsetxattr                   190       7
removexattr                 197      14
lremovexattr                198      15
fremovexattr                199      16
mknod                       133       -
mknodat                     259      33
flock                        73      32
sync                        162      81
syncfs                      306     267
name_to_handle_at           303     264
open_by_handle_at           304     265
inotify_init                253       -
inotify_init1               294      26
inotify_add_watch           254      27
fanotify_init               300     262
fanotify_mark               301     263
quotactl                    179      60
quotactl_fd                 443     443
fcntl                        72      25
ioctl                        16      29
prctl                       157     167
unshare                     272      97
setns                       308     268
chroot                      161      51
pivot_root                  155      41
mount                       165      40
umount2                     166      39
mount_setattr               442     442
move_mount                  429     429
open_tree                   428     428
fsopen                      430     430
fsconfig                    431     431
fsmount                     432     432
fspick                      433     433
statmount                   457     457
listmount                   458     458
setuid                      105     146
setgid                      106     144
setreuid                    113     145
setregid                    114     143
setresuid                   117     147
setresgid                   119     149
setgroups                   116     159
setfsuid                    122     151
setfsgid                    123     152
capset                      126      91
bpf                         321     280
userfaultfd                 323     282
io_uring_setup              425     425
io_uring_enter              426     426
io_uring_register           427     427
io_setup                    206       0
io_submit                   209       2
add_key                     248     217
request_key                 249     218
keyctl                      250     219
personality                 135      92
modify_ldt                  154       -
iopl                        172       -
ioperm                      173       -
init_module                 175     105
finit_module                313     273
delete_module               176     106
kexec_load                  246     104
kexec_file_load             320     294
reboot                      169     142
swapon                      167     224
swapoff                     168     225
acct                        163      89
syslog                      103     116
vhangup                     153      58
settimeofday                164     170
clock_settime               227     112
adjtimex                    159     171
clock_adjtime               305     266
sethostname                 170     161
setdomainname               171     162
seccomp                     317     277
landlock_create_ruleset     444     444
landlock_add_rule           445     445
landlock_restrict_self      446     446
"""


def _numbers() -> dict[str, dict[str, int]]:
    header, *rows = (line.split() for line in _TABLE.split("\n") if line)
    return {
        machine: {row[0]: int(row[column]) for row in rows if row[column] != "-"}
        for column, machine in enumerate(header)
        if column > 0
    }


CALL_NUMBERS = _numbers()
"""By machine, then by name. Some calls exist on x86-64 only."""
