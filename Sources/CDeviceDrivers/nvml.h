#ifndef BERTH_NVML_H
#define BERTH_NVML_H

// The part of NVML's public interface that is used, after its API reference (docs.nvidia.com/deploy/nvml-api).

typedef void *device_t;
typedef struct {
    char legacy_bus_id[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
} pci_info;
typedef struct {
    unsigned long long total, free, used;
} memory_info;
typedef struct {
    unsigned pid;
    unsigned long long memory;
    unsigned gpu_instance, compute_instance;
} process_info;
typedef struct {
    device_t device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
} event_data;

/// `most_links` is NVML_NVLINK_MAX_LINKS.
enum { most_links = 18, xid_critical = 8, invalid_argument = 2, not_found = 6 };

#endif
