#ifndef CDEVICEDRIVERS_H
#define CDEVICEDRIVERS_H

#include <stddef.h>
#include <stdint.h>

// The libraries by which the drivers of GPUs are asked, opened at run time: nothing of them is needed to build. They
// all have one shape here. Every answer is bounded and checked. Calls may block for as long as the driver does, and may
// come from any thread; `berth_driver_next_error` from one alone.

/// What a call answers that the library does not have.
#define BERTH_DRIVER_LACKS INT32_MIN

/// A library and the handles of its GPUs.
typedef struct berth_driver berth_driver;

/// Why a library cannot be used.
typedef struct {
    /// It is not installed.
    int32_t is_absent;
    char text[512];
} berth_driver_problem;

typedef struct {
    uint32_t domain, bus, device, function;
} berth_pci_place;

/// What the driver says of a GPU or of a MIG instance; an empty string or 0 where it does not say.
typedef struct {
    char name[96];
    char uuid[96];
    berth_pci_place pci;
    uint64_t memory_bytes;
    int32_t is_mig_on;
    /// How many MIG instances there can be, some of which may be missing.
    int32_t mig_room;
} berth_gpu;

/// What speaks for and against a GPU now.
typedef struct {
    /// Uncorrected errors of its memories since the driver was loaded; UINT64_MAX where the driver does not tell.
    uint64_t uncorrected_errors;
    /// Degrees Celsius, now and where the GPU shuts itself down; 0 where the driver does not tell.
    uint32_t temperature, shutdown_temperature;
    /// What else makes it unfit, in words that go on from "the driver says that"; NULL for nothing.
    const char *fault;
} berth_gpu_health;

/// A process that computes on a GPU; `memory_bytes` is UINT64_MAX where the driver does not tell.
typedef struct {
    uint32_t process;
    uint64_t memory_bytes;
} berth_gpu_process;

// These open and initialise a library; NULL with a problem where that fails.
/// NVIDIA's management library (NVML).
berth_driver *berth_nvml_open(const char *path, berth_driver_problem *problem);
/// AMD's ROCm SMI.
berth_driver *berth_rocm_open(const char *path, berth_driver_problem *problem);
/// The system management of Level Zero (sysman); of its GPUs, Intel's.
berth_driver *berth_level_zero_open(const char *path, berth_driver_problem *problem);

void berth_driver_close(berth_driver *driver);
/// GPUs, at most 64: the indices below are lower than it.
int berth_driver_count(const berth_driver *driver);
/// Always ends the text, which is empty where the driver does not say.
void berth_driver_version(berth_driver *driver, char *version, size_t size);
void berth_driver_error(const berth_driver *driver, int code, char *text, size_t size);

// These give 0, the library's own number of an error, or BERTH_DRIVER_LACKS. `instance` is a MIG instance's place, or
// -1 for the whole GPU.
int berth_driver_describe(berth_driver *driver, int index, int instance, berth_gpu *gpu);
int berth_driver_energy_millijoules(berth_driver *driver, int index, uint64_t *millijoules);
void berth_driver_health(berth_driver *driver, int index, berth_gpu_health *health);
/// Asks for critical errors (NVIDIA's XIDs) of all GPUs to be told.
int berth_driver_watch(berth_driver *driver);
/// Waits for a critical error: 0 with its GPU and number, or else none came in time.
int berth_driver_next_error(berth_driver *driver, unsigned milliseconds, int *index, uint64_t *number);

// These give how many of the places were filled in, or a negative number.
/// The ends of a GPU's direct links to others, each once for every link.
int berth_driver_peers(berth_driver *driver, int index, berth_pci_place *peers, unsigned room);
int berth_driver_processes(
    berth_driver *driver, int index, int instance, berth_gpu_process *processes, unsigned room);

#endif
