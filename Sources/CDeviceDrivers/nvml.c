#include "nvml.h"

#include <stdlib.h>
#include <string.h>

#include "driver.h"

enum { most_instances = 64 };

typedef struct {
    berth_driver driver;
    device_t devices[most_gpus];
    void *events;
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int);
    int (*driver_version)(char *, unsigned);
    int (*device_count)(unsigned *);
    int (*by_index)(unsigned, device_t *);
    int (*name)(device_t, char *, unsigned);
    int (*uuid)(device_t, char *, unsigned);
    int (*pci)(device_t, pci_info *);
    int (*memory)(device_t, memory_info *);
    int (*mig_mode)(device_t, unsigned *, unsigned *);
    int (*mig_room)(device_t, unsigned *);
    int (*mig_by_index)(device_t, unsigned, device_t *);
    int (*link_state)(device_t, unsigned, unsigned *);
    int (*link_peer)(device_t, unsigned, pci_info *);
    int (*ecc)(device_t, unsigned, unsigned, unsigned long long *);
    int (*energy)(device_t, unsigned long long *);
    int (*temperature)(device_t, unsigned, unsigned *);
    int (*threshold)(device_t, unsigned, unsigned *);
    int (*processes)(device_t, unsigned *, process_info *);
    int (*event_set)(void **);
    int (*event_set_free)(void *);
    int (*register_events)(device_t, unsigned long long, void *);
    int (*wait)(void *, event_data *, unsigned);
} nvml;

static void find_all(nvml *own) {
    berth_driver *driver = &own->driver;
    berth_library_find(driver, &own->init, "nvmlInit_v2");
    berth_library_find(driver, &own->shutdown, "nvmlShutdown");
    berth_library_find(driver, &own->error_string, "nvmlErrorString");
    berth_library_find(driver, &own->driver_version, "nvmlSystemGetDriverVersion");
    berth_library_find(driver, &own->device_count, "nvmlDeviceGetCount_v2");
    berth_library_find(driver, &own->by_index, "nvmlDeviceGetHandleByIndex_v2");
    berth_library_find(driver, &own->name, "nvmlDeviceGetName");
    berth_library_find(driver, &own->uuid, "nvmlDeviceGetUUID");
    berth_library_find(driver, &own->pci, "nvmlDeviceGetPciInfo_v3");
    berth_library_find(driver, &own->memory, "nvmlDeviceGetMemoryInfo");
    berth_library_find(driver, &own->mig_mode, "nvmlDeviceGetMigMode");
    berth_library_find(driver, &own->mig_room, "nvmlDeviceGetMaxMigDeviceCount");
    berth_library_find(driver, &own->mig_by_index, "nvmlDeviceGetMigDeviceHandleByIndex");
    berth_library_find(driver, &own->link_state, "nvmlDeviceGetNvLinkState");
    berth_library_find(driver, &own->link_peer, "nvmlDeviceGetNvLinkRemotePciInfo_v2");
    berth_library_find(driver, &own->ecc, "nvmlDeviceGetTotalEccErrors");
    berth_library_find(driver, &own->energy, "nvmlDeviceGetTotalEnergyConsumption");
    berth_library_find(driver, &own->temperature, "nvmlDeviceGetTemperature");
    berth_library_find(driver, &own->threshold, "nvmlDeviceGetTemperatureThreshold");
    berth_library_find(driver, &own->processes, "nvmlDeviceGetComputeRunningProcesses_v3");
    berth_library_find(driver, &own->event_set, "nvmlEventSetCreate");
    berth_library_find(driver, &own->event_set_free, "nvmlEventSetFree");
    berth_library_find(driver, &own->register_events, "nvmlDeviceRegisterEvents");
    berth_library_find(driver, &own->wait, "nvmlEventSetWait_v2");
}

static void shut(berth_driver *driver) {
    nvml *own = (nvml *)driver;
    if (own->events && own->event_set_free) own->event_set_free(own->events);
    own->shutdown();
}

static const char *error(const berth_driver *driver, int code) {
    const nvml *own = (const nvml *)driver;
    return own->error_string && code >= 0 ? own->error_string(code) : NULL;
}

static void version(berth_driver *driver, char *version, size_t size) {
    nvml *own = (nvml *)driver;
    if (!own->driver_version || own->driver_version(version, (unsigned)size) != 0) version[0] = 0;
}

/// The handle of a GPU or a MIG instance.
static int resolve(nvml *own, int index, int instance, device_t *device) {
    if (instance >= most_instances) return invalid_argument;
    *device = own->devices[index];
    if (!*device) return not_found;
    if (instance < 0) return 0;
    if (!own->mig_by_index) return BERTH_DRIVER_LACKS;
    device_t part = NULL;
    int code = own->mig_by_index(*device, (unsigned)instance, &part);
    *device = part;
    return code == 0 && !part ? not_found : code;
}

/// What NVML gives is function 0 of the place.
static berth_pci_place place(const pci_info *pci) {
    return (berth_pci_place){.domain = pci->domain, .bus = pci->bus, .device = pci->device};
}

static int describe(berth_driver *driver, int index, int instance, berth_gpu *gpu) {
    nvml *own = (nvml *)driver;
    device_t device;
    int code = resolve(own, index, instance, &device);
    if (code != 0) return code;
    if (!own->name || own->name(device, gpu->name, sizeof gpu->name) != 0) gpu->name[0] = 0;
    if (!own->uuid || own->uuid(device, gpu->uuid, sizeof gpu->uuid) != 0) gpu->uuid[0] = 0;
    gpu->name[sizeof gpu->name - 1] = gpu->uuid[sizeof gpu->uuid - 1] = 0;
    memory_info memory = {0};
    if (own->memory && own->memory(device, &memory) == 0) gpu->memory_bytes = memory.total;
    if (instance >= 0) return 0;
    pci_info pci = {0};
    code = own->pci ? own->pci(device, &pci) : BERTH_DRIVER_LACKS;
    if (code != 0) return code;
    gpu->pci = place(&pci);
    unsigned room = 0, mode = 0, pending = 0;
    if (own->mig_mode && own->mig_mode(device, &mode, &pending) == 0) gpu->is_mig_on = mode == 1;
    if (gpu->is_mig_on && own->mig_room && own->mig_room(device, &room) == 0)
        gpu->mig_room = room < most_instances ? (int32_t)room : most_instances;
    return 0;
}

static int energy_millijoules(berth_driver *driver, int index, uint64_t *millijoules) {
    nvml *own = (nvml *)driver;
    device_t device;
    int code = resolve(own, index, -1, &device);
    if (code != 0) return code;
    unsigned long long energy = 0;
    code = own->energy ? own->energy(device, &energy) : BERTH_DRIVER_LACKS;
    *millijoules = energy;
    return code;
}

static void health(berth_driver *driver, int index, berth_gpu_health *health) {
    nvml *own = (nvml *)driver;
    device_t device;
    if (resolve(own, index, -1, &device) != 0) return;
    unsigned long long errors = 0;
    // 1: uncorrected; 0: since the driver was loaded.
    if (own->ecc && own->ecc(device, 1, 0, &errors) == 0) health->uncorrected_errors = errors;
    unsigned degrees = 0, most = 0;
    // 0: the sensor on the GPU's die, and the threshold of shutting down.
    if (own->temperature && own->threshold && own->temperature(device, 0, &degrees) == 0
        && own->threshold(device, 0, &most) == 0) {
        health->temperature = degrees;
        health->shutdown_temperature = most;
    }
}

static int peers(berth_driver *driver, int index, berth_pci_place *peers, unsigned room) {
    nvml *own = (nvml *)driver;
    device_t device;
    if (resolve(own, index, -1, &device) != 0 || !own->link_state || !own->link_peer) return BERTH_DRIVER_LACKS;
    unsigned count = 0;
    for (unsigned link = 0; link < most_links && count < room; link++) {
        unsigned state = 0;
        pci_info pci = {0};
        if (own->link_state(device, link, &state) == 0 && state == 1 && own->link_peer(device, link, &pci) == 0)
            peers[count++] = place(&pci);
    }
    return (int)count;
}

static int processes(
    berth_driver *driver, int index, int instance, berth_gpu_process *processes, unsigned room) {
    nvml *own = (nvml *)driver;
    device_t device;
    if (resolve(own, index, instance, &device) != 0 || !own->processes) return BERTH_DRIVER_LACKS;
    process_info *found = calloc(most_processes, sizeof *found);
    if (!found) return BERTH_DRIVER_LACKS;
    unsigned count = most_processes;
    int code = own->processes(device, &count, found);
    if (code != 0) count = 0;
    if (count > most_processes) count = most_processes;
    if (count > room) count = room;
    for (unsigned place = 0; place < count; place++) {
        processes[place].process = found[place].pid;
        processes[place].memory_bytes = found[place].memory;
    }
    free(found);
    return code == 0 ? (int)count : BERTH_DRIVER_LACKS;
}

static int watch(berth_driver *driver) {
    nvml *own = (nvml *)driver;
    if (!own->event_set || !own->event_set_free || !own->register_events || !own->wait) return BERTH_DRIVER_LACKS;
    if (own->events) return 0;
    int code = own->event_set(&own->events);
    if (code != 0 || !own->events) {
        own->events = NULL;
        return code != 0 ? code : not_found;
    }
    int registered = 0;
    for (int index = 0; index < driver->count; index++) {
        device_t device = own->devices[index];
        if (device && (code = own->register_events(device, xid_critical, own->events)) == 0) registered++;
    }
    if (registered > 0) return 0;
    own->event_set_free(own->events);
    own->events = NULL;
    return code != 0 ? code : not_found;
}

static int next_error(berth_driver *driver, unsigned milliseconds, int *index, uint64_t *number) {
    nvml *own = (nvml *)driver;
    if (!own->events) return BERTH_DRIVER_LACKS;
    event_data event = {0};
    int code = own->wait(own->events, &event, milliseconds);
    if (code != 0) return code;
    if (event.type != xid_critical) return not_found;
    for (int place = 0; place < driver->count; place++) {
        if (event.device && own->devices[place] == event.device) {
            *index = place;
            *number = event.data;
            return 0;
        }
    }
    return not_found;
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
    .watch = watch,
    .next_error = next_error,
};

berth_driver *berth_nvml_open(const char *path, berth_driver_problem *problem) {
    nvml *own = berth_library_open(path, 0, sizeof *own, &calls, problem);
    if (!own) return NULL;
    find_all(own);
    int code = BERTH_DRIVER_LACKS;
    unsigned count = 0;
    if (own->init && own->shutdown && own->device_count && own->by_index) code = own->init();
    if (code == 0 && (code = own->device_count(&count)) != 0) own->shutdown();
    if (code != 0) {
        berth_library_refuse(&own->driver, code, problem);
        return NULL;
    }
    own->driver.count = count < most_gpus ? (int)count : most_gpus;
    for (int index = 0; index < own->driver.count; index++) {
        // A GPU that has fallen off the bus has no handle; it keeps its place.
        if (own->by_index((unsigned)index, &own->devices[index]) != 0) own->devices[index] = NULL;
    }
    return &own->driver;
}
