#define _GNU_SOURCE
#include "CLinuxDeviceControl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// Instructions by their fields (Documentation/bpf/standardization/instruction-set.rst of the kernel).
static struct bpf_insn load_word(int to, int from, int offset) {
  return (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to, .src_reg = from, .off = offset};
}
static struct bpf_insn operate(int operation, int to, int value) {
  return (struct bpf_insn){.code = BPF_ALU64 | operation | BPF_K, .dst_reg = to, .imm = value};
}
// Where it holds, `distance` instructions after the next.
static struct bpf_insn jump_if(int condition, int left, uint32_t right, size_t distance) {
  return (struct bpf_insn){.code = BPF_JMP32 | condition | BPF_K, .dst_reg = left, .off = distance, .imm = (int)right};
}
static const struct bpf_insn leave = {.code = BPF_JMP | BPF_EXIT};

// The program that says 0 (refused) for these character devices, and 1 for all else: a descriptor, or -1.
static int load(const struct berth_device_number *refused, size_t count) {
  enum { FIXED = 8 };
  struct bpf_insn *program = calloc(FIXED + 2 * count, sizeof *program);
  if (program == NULL) return -1;
  size_t length = 0;
  program[length++] = load_word(2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type));
  program[length++] = operate(BPF_AND, 2, 0xffff);
  program[length++] = load_word(3, 1, offsetof(struct bpf_cgroup_dev_ctx, major));
  program[length++] = load_word(4, 1, offsetof(struct bpf_cgroup_dev_ctx, minor));
  // What is no character device goes past the list.
  program[length++] = operate(BPF_MOV, 0, 1);
  program[length++] = jump_if(BPF_JNE, 2, BPF_DEVCG_DEV_CHAR, 2 * count);
  for (size_t index = 0; index < count; index++) {
    program[length++] = jump_if(BPF_JNE, 3, refused[index].major, 1);
    program[length++] = jump_if(BPF_JEQ, 4, refused[index].minor, 2 * (count - 1 - index) + 1);
  }
  program[length++] = leave;
  program[length++] = operate(BPF_MOV, 0, 0);
  program[length++] = leave;

  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = (uint64_t)(uintptr_t)program;
  attributes.insn_cnt = (uint32_t)length;
  attributes.license = (uint64_t)(uintptr_t) "";
  int descriptor = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
  int error = errno;
  free(program);
  errno = error;
  return descriptor;
}

int berth_device_behind(const char *path, struct berth_device_number *number) {
  struct stat status;
  if (stat(path, &status) != 0 || !S_ISCHR(status.st_mode)) return -1;
  *number = (struct berth_device_number){.major = major(status.st_rdev), .minor = minor(status.st_rdev)};
  return 0;
}

int berth_can_refuse_devices(void) {
  // Some number: a program in which no refusal is reached would not be taken.
  const struct berth_device_number none = {0, 0};
  int program = load(&none, 1);
  if (program < 0) return 0;
  close(program);
  return 1;
}

int berth_refuse_devices(const char *group, const struct berth_device_number *refused, size_t count) {
  if (count == 0 || count > BERTH_MAX_REFUSED_DEVICES) {
    errno = EINVAL;
    return -1;
  }
  int program = load(refused, count);
  if (program < 0) return -1;
  int result = -1;
  int directory = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)directory;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    result = (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes);
  }
  int error = errno;
  if (directory >= 0) close(directory);
  close(program);
  errno = error;
  return result;
}
