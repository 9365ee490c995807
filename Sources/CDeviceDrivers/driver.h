#ifndef BERTH_DRIVER_H
#define BERTH_DRIVER_H

#include "CDeviceDrivers.h"

// What a vendor's file brings: a structure of its own with a `berth_driver` at its head, and these calls. An index that
// they get is one of a GPU.

enum { most_gpus = 64, most_processes = 1024 };

/// A vendor without a call has NULL for it; `close` and `describe` all have.
typedef struct {
    void (*close)(berth_driver *driver);
    /// What the library calls an error; NULL where it has no name for it.
    const char *(*error)(const berth_driver *driver, int code);
    void (*version)(berth_driver *driver, char *version, size_t size);
    int (*describe)(berth_driver *driver, int index, int instance, berth_gpu *gpu);
    int (*energy_millijoules)(berth_driver *driver, int index, uint64_t *millijoules);
    void (*health)(berth_driver *driver, int index, berth_gpu_health *health);
    int (*peers)(berth_driver *driver, int index, berth_pci_place *peers, unsigned room);
    int (*processes)(berth_driver *driver, int index, int instance, berth_gpu_process *processes, unsigned room);
    int (*watch)(berth_driver *driver);
    int (*next_error)(berth_driver *driver, unsigned milliseconds, int *index, uint64_t *number);
} berth_driver_calls;

struct berth_driver {
    const berth_driver_calls *calls;
    void *library;
    int count;
};

/// Opens a library with room for the vendor's structure of `size` bytes, all zero behind its head.
///
/// `flags` are dlopen's, beside RTLD_NOW and RTLD_LOCAL.
void *berth_library_open(
    const char *path, int flags, size_t size, const berth_driver_calls *calls, berth_driver_problem *problem);
/// Says why a library that was opened is of no use, and closes it.
void berth_library_refuse(berth_driver *driver, int code, berth_driver_problem *problem);
/// Puts the address of a function into `slot`, a pointer to a function; NULL where the library lacks it.
void berth_library_find(berth_driver *driver, void *slot, const char *name);
/// Copies text that may have no end within its `most` bytes.
void berth_text_copy(char *to, size_t size, const char *from, size_t most);

#endif
