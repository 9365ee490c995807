#include "CDeviceDrivers.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

enum { most_gpus = 64, most_instances = 64, most_processes = 1024, xid_critical = 8 };
enum { invalid_argument = 2, not_found = 6 };

struct berth_nvml {
    void *library;
    int count;
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
    int (*minor)(device_t, unsigned *);
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
};

static void find(berth_nvml *nvml, void *slot, const char *name) {
    void *symbol = dlsym(nvml->library, name);
    memcpy(slot, &symbol, sizeof symbol);
}

static void find_all(berth_nvml *nvml) {
    find(nvml, &nvml->init, "nvmlInit_v2");
    find(nvml, &nvml->shutdown, "nvmlShutdown");
    find(nvml, &nvml->error_string, "nvmlErrorString");
    find(nvml, &nvml->driver_version, "nvmlSystemGetDriverVersion");
    find(nvml, &nvml->device_count, "nvmlDeviceGetCount_v2");
    find(nvml, &nvml->by_index, "nvmlDeviceGetHandleByIndex_v2");
    find(nvml, &nvml->name, "nvmlDeviceGetName");
    find(nvml, &nvml->uuid, "nvmlDeviceGetUUID");
    find(nvml, &nvml->pci, "nvmlDeviceGetPciInfo_v3");
    find(nvml, &nvml->minor, "nvmlDeviceGetMinorNumber");
    find(nvml, &nvml->memory, "nvmlDeviceGetMemoryInfo");
    find(nvml, &nvml->mig_mode, "nvmlDeviceGetMigMode");
    find(nvml, &nvml->mig_room, "nvmlDeviceGetMaxMigDeviceCount");
    find(nvml, &nvml->mig_by_index, "nvmlDeviceGetMigDeviceHandleByIndex");
    find(nvml, &nvml->link_state, "nvmlDeviceGetNvLinkState");
    find(nvml, &nvml->link_peer, "nvmlDeviceGetNvLinkRemotePciInfo_v2");
    find(nvml, &nvml->ecc, "nvmlDeviceGetTotalEccErrors");
    find(nvml, &nvml->energy, "nvmlDeviceGetTotalEnergyConsumption");
    find(nvml, &nvml->temperature, "nvmlDeviceGetTemperature");
    find(nvml, &nvml->threshold, "nvmlDeviceGetTemperatureThreshold");
    find(nvml, &nvml->processes, "nvmlDeviceGetComputeRunningProcesses_v3");
    find(nvml, &nvml->event_set, "nvmlEventSetCreate");
    find(nvml, &nvml->event_set_free, "nvmlEventSetFree");
    find(nvml, &nvml->register_events, "nvmlDeviceRegisterEvents");
    find(nvml, &nvml->wait, "nvmlEventSetWait_v2");
}

/// Ends a string that a driver may have left open.
static void finish(char *text, size_t size) { text[size - 1] = 0; }

void berth_nvml_error(const berth_nvml *nvml, int code, char *text, size_t size) {
    const char *said = nvml && nvml->error_string && code >= 0 ? nvml->error_string(code) : NULL;
    if (said) snprintf(text, size, "%s (%d)", said, code);
    else if (code == BERTH_DRIVER_LACKS) snprintf(text, size, "the driver lacks the call");
    else snprintf(text, size, "error %d", code);
}

berth_nvml *berth_nvml_open(const char *path, char *problem, size_t size) {
    berth_nvml *nvml = calloc(1, sizeof *nvml);
    if (!nvml) {
        snprintf(problem, size, "out of memory");
        return NULL;
    }
    nvml->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!nvml->library) {
        const char *said = dlerror();
        snprintf(problem, size, "%s", said ? said : "it cannot be opened");
        free(nvml);
        return NULL;
    }
    find_all(nvml);
    int code = BERTH_DRIVER_LACKS;
    unsigned count = 0;
    if (nvml->init && nvml->shutdown && nvml->device_count && nvml->by_index) code = nvml->init();
    if (code == 0 && (code = nvml->device_count(&count)) != 0) nvml->shutdown();
    if (code != 0) {
        berth_nvml_error(nvml, code, problem, size);
        dlclose(nvml->library);
        free(nvml);
        return NULL;
    }
    nvml->count = count < most_gpus ? (int)count : most_gpus;
    for (int index = 0; index < nvml->count; index++) {
        // A GPU that has fallen off the bus has no handle; it keeps its place.
        if (nvml->by_index((unsigned)index, &nvml->devices[index]) != 0) nvml->devices[index] = NULL;
    }
    return nvml;
}

void berth_nvml_close(berth_nvml *nvml) {
    if (nvml->events && nvml->event_set_free) nvml->event_set_free(nvml->events);
    nvml->shutdown();
    dlclose(nvml->library);
    free(nvml);
}

int berth_nvml_count(const berth_nvml *nvml) { return nvml->count; }

void berth_nvml_driver_version(berth_nvml *nvml, char *version, size_t size) {
    version[0] = 0;
    if (!nvml->driver_version || nvml->driver_version(version, (unsigned)size) != 0) version[0] = 0;
    finish(version, size);
}

/// The handle of a GPU or a MIG instance.
static int resolve(berth_nvml *nvml, int index, int instance, device_t *device) {
    if (index < 0 || index >= nvml->count || instance >= most_instances) return invalid_argument;
    *device = nvml->devices[index];
    if (!*device) return not_found;
    if (instance < 0) return 0;
    if (!nvml->mig_by_index) return BERTH_DRIVER_LACKS;
    device_t part = NULL;
    int code = nvml->mig_by_index(*device, (unsigned)instance, &part);
    *device = part;
    return code == 0 && !part ? not_found : code;
}

static void describe_place(berth_gpu *gpu, const pci_info *pci) {
    gpu->pci_domain = pci->domain;
    gpu->pci_bus = pci->bus;
    gpu->pci_device = pci->device;
}

int berth_nvml_describe(berth_nvml *nvml, int index, int instance, berth_gpu *gpu) {
    memset(gpu, 0, sizeof *gpu);
    gpu->minor = -1;
    device_t device;
    int code = resolve(nvml, index, instance, &device);
    if (code != 0) return code;
    if (!nvml->name || nvml->name(device, gpu->name, sizeof gpu->name) != 0) gpu->name[0] = 0;
    if (!nvml->uuid || nvml->uuid(device, gpu->uuid, sizeof gpu->uuid) != 0) gpu->uuid[0] = 0;
    finish(gpu->name, sizeof gpu->name);
    finish(gpu->uuid, sizeof gpu->uuid);
    memory_info memory = {0};
    if (nvml->memory && nvml->memory(device, &memory) == 0) gpu->memory_bytes = memory.total;
    if (instance >= 0) return 0;
    pci_info pci = {0};
    code = nvml->pci ? nvml->pci(device, &pci) : BERTH_DRIVER_LACKS;
    if (code != 0) return code;
    describe_place(gpu, &pci);
    unsigned number = 0, mode = 0, pending = 0;
    if (nvml->minor && nvml->minor(device, &number) == 0 && number < 1u << 20) gpu->minor = (int32_t)number;
    if (nvml->mig_mode && nvml->mig_mode(device, &mode, &pending) == 0) gpu->is_mig_on = mode == 1;
    if (gpu->is_mig_on && nvml->mig_room && nvml->mig_room(device, &number) == 0)
        gpu->mig_room = number < most_instances ? (int32_t)number : most_instances;
    return 0;
}

int berth_nvml_link_peer(berth_nvml *nvml, int index, int link, berth_gpu *peer) {
    memset(peer, 0, sizeof *peer);
    device_t device;
    int code = resolve(nvml, index, -1, &device);
    if (code != 0) return code;
    if (!nvml->link_state || !nvml->link_peer) return BERTH_DRIVER_LACKS;
    unsigned state = 0;
    if ((code = nvml->link_state(device, (unsigned)link, &state)) != 0) return code;
    if (state != 1) return not_found;
    pci_info pci = {0};
    if ((code = nvml->link_peer(device, (unsigned)link, &pci)) != 0) return code;
    describe_place(peer, &pci);
    return 0;
}

int berth_nvml_memory_used(berth_nvml *nvml, int index, int instance, uint64_t *bytes) {
    device_t device;
    int code = resolve(nvml, index, instance, &device);
    if (code != 0) return code;
    memory_info memory = {0};
    code = nvml->memory ? nvml->memory(device, &memory) : BERTH_DRIVER_LACKS;
    *bytes = memory.used;
    return code;
}

int berth_nvml_energy_millijoules(berth_nvml *nvml, int index, uint64_t *millijoules) {
    device_t device;
    int code = resolve(nvml, index, -1, &device);
    if (code != 0) return code;
    unsigned long long energy = 0;
    code = nvml->energy ? nvml->energy(device, &energy) : BERTH_DRIVER_LACKS;
    *millijoules = energy;
    return code;
}

int berth_nvml_uncorrected_errors(berth_nvml *nvml, int index, uint64_t *count) {
    device_t device;
    int code = resolve(nvml, index, -1, &device);
    if (code != 0) return code;
    unsigned long long errors = 0;
    // 1: uncorrected; 0: since the driver was loaded.
    code = nvml->ecc ? nvml->ecc(device, 1, 0, &errors) : BERTH_DRIVER_LACKS;
    *count = errors;
    return code;
}

int berth_nvml_temperature(berth_nvml *nvml, int index, uint32_t *now, uint32_t *shutdown) {
    device_t device;
    int code = resolve(nvml, index, -1, &device);
    if (code != 0) return code;
    if (!nvml->temperature || !nvml->threshold) return BERTH_DRIVER_LACKS;
    unsigned degrees = 0, most = 0;
    // 0: the sensor on the GPU's die, and the threshold of shutting down.
    if ((code = nvml->temperature(device, 0, &degrees)) != 0) return code;
    if ((code = nvml->threshold(device, 0, &most)) != 0) return code;
    *now = degrees;
    *shutdown = most;
    return 0;
}

int berth_nvml_processes(berth_nvml *nvml, int index, int instance, berth_gpu_process *processes, unsigned room) {
    device_t device;
    if (resolve(nvml, index, instance, &device) != 0 || !nvml->processes) return BERTH_DRIVER_LACKS;
    process_info *found = calloc(most_processes, sizeof *found);
    if (!found) return BERTH_DRIVER_LACKS;
    unsigned count = most_processes;
    int code = nvml->processes(device, &count, found);
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

int berth_nvml_watch(berth_nvml *nvml) {
    if (!nvml->event_set || !nvml->event_set_free || !nvml->register_events || !nvml->wait) return BERTH_DRIVER_LACKS;
    if (nvml->events) return 0;
    int code = nvml->event_set(&nvml->events);
    if (code != 0 || !nvml->events) {
        nvml->events = NULL;
        return code != 0 ? code : not_found;
    }
    int registered = 0;
    for (int index = 0; index < nvml->count; index++) {
        if (nvml->devices[index] && (code = nvml->register_events(nvml->devices[index], xid_critical, nvml->events)) == 0)
            registered++;
    }
    if (registered > 0) return 0;
    nvml->event_set_free(nvml->events);
    nvml->events = NULL;
    return code != 0 ? code : not_found;
}

int berth_nvml_next_xid(berth_nvml *nvml, unsigned milliseconds, int *index, uint64_t *xid) {
    if (!nvml->events) return BERTH_DRIVER_LACKS;
    event_data event = {0};
    int code = nvml->wait(nvml->events, &event, milliseconds);
    if (code != 0) return code;
    if (event.type != xid_critical) return not_found;
    for (int place = 0; place < nvml->count; place++) {
        if (event.device && nvml->devices[place] == event.device) {
            *index = place;
            *xid = event.data;
            return 0;
        }
    }
    return not_found;
}
