#ifndef CDEVICEDRIVERS_H
#define CDEVICEDRIVERS_H

#include <stddef.h>
#include <stdint.h>

// NVIDIA's management library (NVML), opened at run time: nothing of it is needed to build. Every answer is bounded and
// checked; a function that a driver lacks answers BERTH_DRIVER_LACKS. Calls may block for as long as the driver does.

#define BERTH_DRIVER_LACKS (-1)

/// The library and the handles of its GPUs.
typedef struct berth_nvml berth_nvml;

/// What the driver says of a GPU or of a MIG instance; an empty string or 0 where it does not say.
typedef struct {
    char name[96];
    char uuid[96];
    uint32_t pci_domain, pci_bus, pci_device;
    uint64_t memory_bytes;
    /// N of /dev/nvidiaN; -1 where unknown.
    int32_t minor;
    int32_t is_mig_on;
    /// How many MIG instances there can be, some of which may be missing.
    int32_t mig_room;
} berth_gpu;

/// A process that computes on a GPU; `memory_bytes` is UINT64_MAX where the driver does not tell.
typedef struct {
    uint32_t process;
    uint64_t memory_bytes;
} berth_gpu_process;

/// Opens and initialises the library; NULL with a sentence in `problem` where that fails.
berth_nvml *berth_nvml_open(const char *path, char *problem, size_t size);
void berth_nvml_close(berth_nvml *nvml);
void berth_nvml_driver_version(berth_nvml *nvml, char *version, size_t size);
/// GPUs, at most 64: the indices below are lower than it.
int berth_nvml_count(const berth_nvml *nvml);

// These give 0, NVML's number of the error, or BERTH_DRIVER_LACKS. `instance` is a MIG instance's place, or -1 for the
// whole GPU.
int berth_nvml_describe(berth_nvml *nvml, int index, int instance, berth_gpu *gpu);
int berth_nvml_link_peer(berth_nvml *nvml, int index, int link, berth_gpu *peer);
int berth_nvml_memory_used(berth_nvml *nvml, int index, int instance, uint64_t *bytes);
int berth_nvml_energy_millijoules(berth_nvml *nvml, int index, uint64_t *millijoules);
/// Uncorrected errors of memory since the driver was loaded.
int berth_nvml_uncorrected_errors(berth_nvml *nvml, int index, uint64_t *count);
/// Degrees Celsius, now and where the GPU shuts itself down.
int berth_nvml_temperature(berth_nvml *nvml, int index, uint32_t *now, uint32_t *shutdown);
/// How many of `processes` were filled in, or a negative number.
int berth_nvml_processes(berth_nvml *nvml, int index, int instance, berth_gpu_process *processes, unsigned room);
/// Asks for critical errors (XIDs) of all GPUs to be told.
int berth_nvml_watch(berth_nvml *nvml);
/// Waits for a critical error: 0 with its GPU and number; NVML's timeout (10) when none came.
int berth_nvml_next_xid(berth_nvml *nvml, unsigned milliseconds, int *index, uint64_t *xid);
void berth_nvml_error(const berth_nvml *nvml, int code, char *text, size_t size);

#endif
