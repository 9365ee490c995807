// A stand-in for ROCm SMI: GPUS GPUs in two rows of a PCI bus, in the reverse of their PCI order. With PARTITIONED each
// is listed twice, with GARBAGE the answers are such as no driver should give, with OLD a call is missing, with FAILS
// there is no driver. While the file STATE.ecc, STATE.hot or STATE.busy is there, the first GPU has memory errors, the
// temperature at which it shuts down, or a process with 40 GiB; while STATE.energy is there, its counter stands 5,000
// mJ higher.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    uint64_t correctable, uncorrectable;
} error_count;
typedef struct {
    uint32_t process, pasid;
    uint64_t vram, sdma;
    uint32_t occupancy;
} process_info;

#ifdef PARTITIONED
enum { parts = 2 };
#else
enum { parts = 1 };
#endif
static int is_there(const char *what) { return access(what, F_OK) == 0; }

uint32_t rsmi_init(uint64_t flags) {
#ifdef FAILS
    return 8;
#endif
    return flags == 0x400000000000000 ? 0 : 1;
}
uint32_t rsmi_shut_down(void) { return 0; }
uint32_t rsmi_status_string(uint32_t status, const char **text) {
    *text = status == 8 ? "An error occurred during initialization" : "Unknown";
    return 0;
}
uint32_t rsmi_num_monitor_devices(uint32_t *count) {
    *count = GPUS * parts;
    return 0;
}
#ifndef OLD
uint32_t rsmi_dev_pci_id_get(uint32_t index, uint64_t *id) {
#ifdef GARBAGE
    if (index == 1) return 10;
#endif
    uint64_t part = index % parts;
    *id = 1ull << 32 | part << 28 | (uint64_t)(0x80 - index / parts) << 8 | 3 << 3 | part;
    return 0;
}
#endif
uint32_t rsmi_dev_name_get(uint32_t index, char *name, size_t size) {
#ifdef GARBAGE
    memset(name, 0xFE, size);
    return 0;
#endif
    snprintf(name, size, "AMD Instinct MI300X");
    return 0;
}
uint32_t rsmi_dev_unique_id_get(uint32_t index, uint64_t *id) {
#ifdef GARBAGE
    *id = ~0ull;
    return 0;
#endif
    *id = 0xABC000 + index / parts;
    return 0;
}
uint32_t rsmi_dev_memory_total_get(uint32_t index, uint32_t type, uint64_t *bytes) {
    *bytes = type == 0 ? 80ull << 30 : 1;
#ifdef GARBAGE
    *bytes = ~0ull;
#endif
    return 0;
}
uint32_t rsmi_dev_ecc_count_get(uint32_t index, uint64_t block, error_count *errors) {
    if (block > 2) return 2;
    *errors = (error_count){1000, index == 0 && is_there(STATE ".ecc") ? block : 0};
#ifdef GARBAGE
    errors->uncorrectable = ~0ull;
#endif
    return 0;
}
uint32_t rsmi_dev_energy_count_get(uint32_t index, uint64_t *count, float *microjoules, uint64_t *time) {
    *microjoules = 15.625f;
    *count = 64000000 + (is_there(STATE ".energy") ? 320000 : 0);
#ifdef GARBAGE
    *microjoules = 0.0f / 0.0f;
#endif
    return 0;
}
uint32_t rsmi_dev_temp_metric_get(uint32_t index, uint32_t sensor, uint32_t metric, int64_t *temperature) {
    if (sensor != 1) return 2;
    *temperature = metric == 7 ? 105000 : index == 0 && is_there(STATE ".hot") ? 106000 : 40000;
#ifdef GARBAGE
    *temperature = metric == 7 ? INT64_MIN : INT64_MAX;
#endif
    return 0;
}
uint32_t rsmi_compute_process_info_get(process_info *found, uint32_t *count) {
#ifdef GARBAGE
    *count = ~0u;
    return 0;
#endif
    if (*count < 3) return 11;
    *count = is_there(STATE ".busy") ? 3 : 0;
    // The memory on all GPUs together.
    found[0] = (process_info){.process = 100, .vram = 60ull << 30};
    found[1] = (process_info){.process = 200, .vram = 1 << 20};
    found[2] = (process_info){.process = 300};
    return 0;
}
uint32_t rsmi_compute_process_info_by_device_get(uint32_t process, uint32_t index, process_info *found) {
    if (process == 300) return 10;
    *found = (process_info){.process = process, .vram = process != 100 ? 0 : index == 0 ? 40ull << 30 : 20ull << 30};
    return 0;
}
uint32_t rsmi_version_str_get(uint32_t component, char *version, uint32_t size) {
    snprintf(version, size, "6.12.12");
    return component == 0 ? 0 : 1;
}
uint32_t rsmi_topo_get_link_type(uint32_t from, uint32_t to, uint64_t *hops, uint32_t *type) {
    *hops = 1;
    *type = (from ^ to) == 1 ? 2 : 1;
    return 0;
}
