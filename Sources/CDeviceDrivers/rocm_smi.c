#define _GNU_SOURCE  // RTLD_NODELETE
#include "rocm_smi.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

typedef struct {
    berth_driver driver;
    int (*init)(uint64_t);
    int (*shut_down)(void);
    int (*status_string)(int, const char **);
    int (*count)(uint32_t *);
    int (*pci)(uint32_t, uint64_t *);
    int (*name)(uint32_t, char *, size_t);
    int (*unique_id)(uint32_t, uint64_t *);
    int (*memory_total)(uint32_t, unsigned, uint64_t *);
    int (*ecc)(uint32_t, uint64_t, error_count *);
    int (*energy)(uint32_t, uint64_t *, float *, uint64_t *);
    int (*temperature)(uint32_t, uint32_t, unsigned, int64_t *);
    int (*processes)(process_info *, uint32_t *);
    int (*process_on_device)(uint32_t, uint32_t, process_info *);
    int (*version)(unsigned, char *, uint32_t);
    int (*link_type)(uint32_t, uint32_t, uint64_t *, unsigned *);
} rocm;

static void find_all(rocm *own) {
    berth_driver *driver = &own->driver;
    berth_library_find(driver, &own->init, "rsmi_init");
    berth_library_find(driver, &own->shut_down, "rsmi_shut_down");
    berth_library_find(driver, &own->status_string, "rsmi_status_string");
    berth_library_find(driver, &own->count, "rsmi_num_monitor_devices");
    berth_library_find(driver, &own->pci, "rsmi_dev_pci_id_get");
    berth_library_find(driver, &own->name, "rsmi_dev_name_get");
    berth_library_find(driver, &own->unique_id, "rsmi_dev_unique_id_get");
    berth_library_find(driver, &own->memory_total, "rsmi_dev_memory_total_get");
    berth_library_find(driver, &own->ecc, "rsmi_dev_ecc_count_get");
    berth_library_find(driver, &own->energy, "rsmi_dev_energy_count_get");
    berth_library_find(driver, &own->temperature, "rsmi_dev_temp_metric_get");
    berth_library_find(driver, &own->processes, "rsmi_compute_process_info_get");
    berth_library_find(driver, &own->process_on_device, "rsmi_compute_process_info_by_device_get");
    berth_library_find(driver, &own->version, "rsmi_version_str_get");
    berth_library_find(driver, &own->link_type, "rsmi_topo_get_link_type");
}

static void shut(berth_driver *driver) { ((rocm *)driver)->shut_down(); }

static const char *error(const berth_driver *driver, int code) {
    const rocm *own = (const rocm *)driver;
    const char *said = NULL;
    return own->status_string && own->status_string(code, &said) == 0 ? said : NULL;
}

static void version(berth_driver *driver, char *version, size_t size) {
    rocm *own = (rocm *)driver;
    if (!own->version || own->version(driver_component, version, (uint32_t)size) != 0) version[0] = 0;
}

/// A place is domain, partition, bus, device and function from bit 63, 31, 15, 7 and 2 downwards. A partition of a
/// divided GPU has its own number in the place of the function, which is 0 in truth.
static int find_place(rocm *own, int index, berth_pci_place *place) {
    uint64_t id = 0;
    int code = own->pci((uint32_t)index, &id);
    if (code != 0) return code;
    uint32_t partition = id >> 28 & 0xF, function = id & 0x7;
    *place = (berth_pci_place){
        .domain = (uint32_t)(id >> 32),
        .bus = id >> 8 & 0xFF,
        .device = id >> 3 & 0x1F,
        .function = partition != 0 && (partition & 0x7) == function ? 0 : function};
    return 0;
}

static int describe(berth_driver *driver, int index, int instance, berth_gpu *gpu) {
    rocm *own = (rocm *)driver;
    uint32_t device = (uint32_t)index;
    if (instance >= 0) return BERTH_DRIVER_LACKS;
    int code = find_place(own, index, &gpu->pci);
    if (code != 0) return code;
    if (!own->name || own->name(device, gpu->name, sizeof gpu->name) != 0) gpu->name[0] = 0;
    gpu->name[sizeof gpu->name - 1] = 0;
    uint64_t unique = 0;
    // As the runtime under HIP writes it and takes it in ROCR_VISIBLE_DEVICES; to it, 0 is none.
    if (own->unique_id && own->unique_id(device, &unique) == 0 && unique != 0 && unique != UINT64_MAX)
        snprintf(gpu->uuid, sizeof gpu->uuid, "GPU-%016" PRIx64, unique);
    uint64_t bytes = 0;
    if (own->memory_total && own->memory_total(device, vram, &bytes) == 0) gpu->memory_bytes = bytes;
    return 0;
}

static int energy_millijoules(berth_driver *driver, int index, uint64_t *millijoules) {
    rocm *own = (rocm *)driver;
    if (!own->energy) return BERTH_DRIVER_LACKS;
    uint64_t counter = 0, nanoseconds = 0;
    float microjoules = 0;
    int code = own->energy((uint32_t)index, &counter, &microjoules, &nanoseconds);
    if (code != 0) return code;
    double sum = (double)counter * microjoules / 1000;
    if (!(sum >= 0 && sum < 1e18)) return BERTH_DRIVER_LACKS;
    *millijoules = (uint64_t)sum;
    return 0;
}

static void health(berth_driver *driver, int index, berth_gpu_health *health) {
    rocm *own = (rocm *)driver;
    uint32_t device = (uint32_t)index;
    for (size_t block = 0; own->ecc && block < sizeof memory_blocks / sizeof *memory_blocks; block++) {
        error_count errors = {0};
        // A number beyond all reason is no answer.
        if (own->ecc(device, memory_blocks[block], &errors) != 0 || errors.uncorrectable > UINT32_MAX) continue;
        if (health->uncorrected_errors == UINT64_MAX) health->uncorrected_errors = 0;
        health->uncorrected_errors += errors.uncorrectable;
    }
    int64_t now = 0, most = 0;
    if (own->temperature && own->temperature(device, junction, temperature_now, &now) == 0
        && own->temperature(device, junction, temperature_emergency, &most) == 0 && now > 0 && most > 0
        && now < 1000000 && most < 1000000) {
        health->temperature = (uint32_t)(now / 1000);
        health->shutdown_temperature = (uint32_t)(most / 1000);
    }
}

static int peers(berth_driver *driver, int index, berth_pci_place *peers, unsigned room) {
    rocm *own = (rocm *)driver;
    if (!own->link_type) return BERTH_DRIVER_LACKS;
    unsigned count = 0;
    for (int other = 0; other < driver->count && count < room; other++) {
        uint64_t hops = 0;
        unsigned type = 0;
        if (other != index && own->link_type((uint32_t)index, (uint32_t)other, &hops, &type) == 0 && type == xgmi
            && find_place(own, other, &peers[count]) == 0)
            count++;
    }
    return (int)count;
}

static int processes(
    berth_driver *driver, int index, int instance, berth_gpu_process *processes, unsigned room) {
    rocm *own = (rocm *)driver;
    if (instance >= 0 || !own->processes || !own->process_on_device) return BERTH_DRIVER_LACKS;
    process_info *found = calloc(most_processes, sizeof *found);
    if (!found) return BERTH_DRIVER_LACKS;
    uint32_t count = most_processes;
    int code = own->processes(found, &count);
    // Where there are more, as many as there is room for are filled in.
    if (code == insufficient_size || count > most_processes) count = most_processes;
    unsigned filled = 0;
    for (uint32_t place = 0; (code == 0 || code == insufficient_size) && place < count && filled < room; place++) {
        // The list gives a process's memory on all GPUs together. One that has ended meanwhile is left out.
        process_info here = {0};
        if (own->process_on_device(found[place].process, (uint32_t)index, &here) != 0 || here.vram_bytes == 0) continue;
        processes[filled++] = (berth_gpu_process){found[place].process, here.vram_bytes};
    }
    free(found);
    return code == 0 || code == insufficient_size ? (int)filled : BERTH_DRIVER_LACKS;
}

static const berth_driver_calls calls = {
    .close = shut,
    .error = error,
    .version = version,
    .describe = describe,
    .energy_millijoules = energy_millijoules,
    .health = health,
    .peers = peers,
    .processes = processes,
};

berth_driver *berth_rocm_open(const char *path, berth_driver_problem *problem) {
    // It stays loaded: its objects and those of what it loads outlive a dlclose.
    rocm *own = berth_library_open(path, RTLD_NODELETE, sizeof *own, &calls, problem);
    if (!own) return NULL;
    find_all(own);
    int code = BERTH_DRIVER_LACKS;
    uint32_t count = 0;
    if (own->init && own->shut_down && own->count && own->pci) code = own->init(locks_own_threads_only);
    if (code == 0 && (code = own->count(&count)) != 0) own->shut_down();
    if (code != 0) {
        berth_library_refuse(&own->driver, code, problem);
        return NULL;
    }
    own->driver.count = count < most_gpus ? (int)count : most_gpus;
    return &own->driver;
}
