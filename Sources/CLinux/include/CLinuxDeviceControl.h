// Which devices the processes of a control group may use.
#ifndef CLINUX_DEVICE_CONTROL_H
#define CLINUX_DEVICE_CONTROL_H

#include <stddef.h>
#include <stdint.h>

// A conditional jump's distance has 15 bits, and each device takes two instructions.
#define BERTH_MAX_REFUSED_DEVICES 16000

// A character device, as stat(2) tells of its file.
struct berth_device_number {
  uint32_t major;
  uint32_t minor;
};

// The device behind a file: 0, or -1 where there is none, or no character device.
int berth_device_behind(const char *path, struct berth_device_number *number);
// Whether this process may say it at all (bpf(2): a kernel with CONFIG_CGROUP_BPF, and the right to load programs): 1 or 0.
int berth_can_refuse_devices(void);
// From now on no process in a version 2 control group can open or make these character devices; what groups above it
// refuse stays refused, and all else is as before. It ends with the group. 0, or -1 with errno set. From one device to
// BERTH_MAX_REFUSED_DEVICES.
int berth_refuse_devices(const char *group, const struct berth_device_number *refused, size_t count);

#endif
