#define _GNU_SOURCE
#include "CLinuxLaunch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

// The ids, all groups, and then every capability that changing the user may have left: those that a program could
// inherit survive a setresuid(2).
static int become(const struct berth_launch *launch) {
  if (syscall(SYS_setgroups, launch->further_group_count, launch->further_groups) != 0) return -1;
  if (syscall(SYS_setresgid, launch->group, launch->group, launch->group) != 0) return -1;
  if (syscall(SYS_setresuid, launch->user, launch->user, launch->user) != 0) return -1;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  return (int)syscall(SYS_capset, &header, none);
}

static void bind_and_read_back(struct berth_launch *launch) {
  if (launch->cpus != NULL && syscall(SYS_sched_setaffinity, 0, sizeof launch->granted_cpus, launch->cpus) < 0)
    launch->cpu_error = errno;
  if (launch->nodes != NULL &&
      syscall(SYS_set_mempolicy, launch->memory_mode, launch->nodes, sizeof launch->granted_nodes * 8) < 0)
    launch->memory_error = errno;
  syscall(SYS_sched_getaffinity, 0, sizeof launch->granted_cpus, launch->granted_cpus);
  if (syscall(SYS_get_mempolicy, &launch->granted_memory_mode, launch->granted_nodes,
              sizeof launch->granted_nodes * 8, NULL, 0) < 0)
    launch->granted_memory_mode = 0;
}

int berth_limit_data(pid_t process, uint64_t bytes) {
  if (bytes == 0) return 0;
  struct rlimit64 limit;
  if (prlimit64(process, RLIMIT_DATA, NULL, &limit) != 0) return -1;
  if (bytes < limit.rlim_max) limit.rlim_max = bytes;
  limit.rlim_cur = limit.rlim_max;
  return prlimit64(process, RLIMIT_DATA, &limit, NULL);
}

static void block_no_signal(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void default_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);
  block_no_signal();
}

// Of a process whose parent had default handlers for all when it began: those for which keepers have changed them.
static void default_signals_of_keeper(void) {
  static const int changed[] = {SIGPIPE, SIGHUP};
  for (size_t index = 0; index < sizeof changed / sizeof *changed; index++) signal(changed[index], SIG_DFL);
  block_no_signal();
}

// Each stream to its place, by way of numbers that are no place, so that none overwrites another.
static int place_streams(const int *streams) {
  int high[3];
  for (int index = 0; index < 3; index++)
    if ((high[index] = fcntl(streams[index], F_DUPFD, 3)) < 0) return -1;
  for (int index = 0; index < 3; index++)
    if (dup2(high[index], index) < 0) return -1;
  return (int)syscall(SYS_close_range, 3, ~0U, 0);
}

static int may_begin(const struct berth_launch *launch, pid_t parent) {
  if (launch->announcement == NULL || access(launch->announcement, F_OK) != 0) return 1;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(127);
  char word;
  ssize_t count;
  do count = recv(launch->agent, &word, 1, 0);
  while (count < 0 && errno == EINTR);
  prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
  errno = ECANCELED;
  return access(launch->announcement, F_OK) != 0;
}

static enum berth_launch_step prepare(struct berth_launch *launch, pid_t parent) {
  for (size_t index = 0; index < launch->group_count; index++) {
    launch->failed_group = index;
    if (write(launch->groups[index], "0", 1) != 1) return BERTH_STEP_GROUP;
  }
  setsid();
  bind_and_read_back(launch);
  if (berth_limit_data(0, launch->data_limit) != 0) return BERTH_STEP_LIMIT;
  if (!may_begin(launch, parent)) return BERTH_STEP_ANNOUNCEMENT;
  if (launch->changes_user && become(launch) != 0) return BERTH_STEP_USER;
  if (chdir(launch->directory) != 0) return BERTH_STEP_DIRECTORY;
  if (place_streams(launch->streams) != 0) return BERTH_STEP_STREAMS;
  default_signals_of_keeper();
  launch->error = 0;
  execve(launch->path, launch->argv, launch->envp);
  return BERTH_STEP_PROGRAM;
}

// What the child does. Never inlined: in memory that it shares with its parent it must not write in the frames of those who
// called this, which the parent returns to.
static __attribute__((noinline, noreturn)) void begin(struct berth_launch *launch, pid_t parent) {
  launch->failed_step = prepare(launch, parent);
  launch->error = errno;
  _exit(127);
}

#if defined(__x86_64__)
#define CLONE3(result, arguments)                                                             \
  __asm__ volatile("syscall"                                                                  \
                   : "=a"(result)                                                             \
                   : "0"((long)SYS_clone3), "D"(arguments), "S"((long)sizeof *(arguments))   \
                   : "rcx", "r11", "memory")
#elif defined(__aarch64__)
#define CLONE3(result, arguments)                                             \
  do {                                                                        \
    register long number __asm__("x8") = SYS_clone3;                          \
    register long first __asm__("x0") = (long)(arguments);                    \
    register long second __asm__("x1") = (long)sizeof *(arguments);           \
    __asm__ volatile("svc 0" : "+r"(first) : "r"(number), "r"(second) : "memory"); \
    (result) = first;                                                         \
  } while (0)
#else
// The child would return from syscall(2), and overwrite in its parent's memory where that returns to.
#define CLONE3(result, arguments) ((void)(arguments), (result) = -ENOSYS)
#endif

// Like vfork(2), but in a control group: the child has its parent's memory, whose page tables are not copied, and the parent is
// stopped until the child's program has begun.
static __attribute__((noinline)) pid_t born_in(int birthplace, struct berth_launch *launch, pid_t parent) {
  struct clone_args arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = (uint64_t)birthplace;
  long child;
  CLONE3(child, &arguments);
  if (child == 0) begin(launch, parent);
  if (child > 0) return (pid_t)child;
  errno = (int)-child;
  return -1;
}

static __attribute__((noinline)) pid_t born_beside(struct berth_launch *launch, pid_t parent) {
  pid_t child = vfork();
  if (child == 0) begin(launch, parent);
  return child;
}

pid_t berth_launch(struct berth_launch *launch) {
  memset(launch->granted_cpus, 0, sizeof launch->granted_cpus);
  memset(launch->granted_nodes, 0, sizeof launch->granted_nodes);
  launch->granted_memory_mode = launch->cpu_error = launch->memory_error = 0;
  // It stands as long as the process does not get to its program.
  launch->failed_step = BERTH_STEP_KILLED;
  launch->error = ECHILD;
  // A handler of ours must not run in the child before it has its own.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_t parent = getpid();
  pid_t child = launch->birthplace < 0 ? born_beside(launch, parent) : born_in(launch->birthplace, launch, parent);
  if (child < 0) {
    launch->failed_step = BERTH_STEP_FORK;
    launch->error = errno;
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (launch->error == 0) return child;
  if (child > 0) waitpid(child, NULL, 0);
  errno = launch->error;
  return -1;
}

pid_t berth_fork(void) {
  pid_t child = fork();
  if (child != 0) return child;
  setsid();
  default_signals();
  return 0;
}

int berth_settle(const char *name, int standard_input, int standard_output) {
  prctl(PR_SET_NAME, name, 0, 0, 0);
  if (dup2(standard_input, 0) < 0 || dup2(standard_output, 1) < 0) return -1;
  return (int)syscall(SYS_close_range, 3, ~0U, 0);
}

void berth_rename(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

void berth_rest(const char *name) {
  berth_rename(name);
  default_signals_of_keeper();
  if (chdir("/") != 0) return;  // Then it is in a directory that is about to be removed, and that is harmless.
}

int berth_impersonate(uid_t user, gid_t group, const gid_t *groups, size_t count) {
  // The user last: it is what gives the right to change the others.
  if (setgroups(count, groups) != 0 || setresgid((gid_t)-1, group, (gid_t)-1) != 0) return -1;
  return setresuid((uid_t)-1, user, (uid_t)-1);
}

int berth_be_oneself(void) {
  if (setresuid((uid_t)-1, getuid(), (uid_t)-1) != 0 || setresgid((gid_t)-1, getgid(), (gid_t)-1) != 0) return -1;
  return setgroups(0, NULL);
}

int berth_is_cgroup2(const char *path) {
  struct statfs status;
  return statfs(path, &status) == 0 && status.f_type == 0x63677270;  // CGROUP2_SUPER_MAGIC
}

int berth_boot_alarm(int64_t milliseconds) {
  int descriptor = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (descriptor < 0) return -1;
  struct itimerspec time;
  memset(&time, 0, sizeof time);
  time.it_value.tv_sec = milliseconds / 1000;
  time.it_value.tv_nsec = milliseconds % 1000 * 1000000 + 1;  // A zero would disarm it.
  if (timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &time, NULL) == 0) return descriptor;
  int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}
