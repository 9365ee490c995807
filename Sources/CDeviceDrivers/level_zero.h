#ifndef BERTH_LEVEL_ZERO_H
#define BERTH_LEVEL_ZERO_H

#include <stdint.h>

// The part of Level Zero's system management that is used, after ze_api.h and zes_api.h of its specification 1.5 to
// 1.17 (github.com/oneapi-src/level-zero). Every structure begins with the number of its type.

typedef void *handle_t;
enum {
    device_properties_type = 0x1,
    pci_properties_type = 0x2,
    memory_properties_type = 0xb,
    power_properties_type = 0xd,
    ras_properties_type = 0xf,
    device_state_type = 0x15,
    process_state_type = 0x16,
    memory_state_type = 0x1e,
    ras_state_type = 0x22,
    core_properties_type = 0x3,
};
typedef struct {
    int type;
    void *next;
    int kind;
    uint32_t vendor, device, flags, subdevice, clock_rate;
    uint64_t largest_allocation;
    uint32_t contexts, queue_priorities, threads, simd_width, units, subslices, slices;
    uint64_t timer_resolution;
    uint32_t timestamp_bits, kernel_timestamp_bits;
    uint8_t uuid[16];
    char name[256];
} core_properties;
typedef struct {
    int type;
    void *next;
    core_properties core;
    uint32_t subdevices;
    char serial[64], board[64], brand[64], model[64], vendor[64], driver_version[64];
} device_properties;
typedef struct {
    int type;
    void *next;
    uint32_t domain, bus, device, function;
    int32_t generation, width;
    int64_t bandwidth;
    uint8_t counts_bandwidth, counts_packets, counts_replays;
} pci_properties;
typedef struct {
    int type;
    void *next;
    int kind;
    uint8_t is_on_subdevice;
    uint32_t subdevice;
    int location;
    uint64_t bytes;
    int32_t bus_width, channels;
} memory_properties;
typedef struct {
    int type;
    const void *next;
    int health;
    uint64_t free, size;
} memory_state;
typedef struct {
    int type;
    void *next;
    uint8_t is_on_subdevice;
    uint32_t subdevice;
    uint8_t is_controlled, has_threshold;
    int32_t default_limit, least_limit, most_limit;
} power_properties;
typedef struct {
    uint64_t microjoules, microseconds;
} energy_counter;
typedef struct {
    int type;
    void *next;
    int kind;
    uint8_t is_on_subdevice;
    uint32_t subdevice;
} ras_properties;
typedef struct {
    int type;
    const void *next;
    uint64_t counts[7];
} ras_state;
typedef struct {
    int type;
    const void *next;
    uint32_t reset_reasons;
    int repaired;
} device_state;
typedef struct {
    int type;
    const void *next;
    uint32_t process;
    uint64_t bytes, shared_bytes;
    uint32_t engines;
} process_state;

enum { gpu_kind = 1, intel = 0x8086, device_location = 1, uncorrectable = 1 };
enum { memory_critical = 3, memory_replace = 4, wedged = 1, repair = 2 };
/// Of the categories of errors, those in compute units, in other units (memory among them) and in caches; the others
/// are of programs, of the driver and of resets.
enum { first_hardware_error = 3, last_hardware_error = 5 };
enum { uninitialized = 0x78000001, insufficient_permissions = 0x70010000 };

#endif
