// A stand-in for NVIDIA's management library: GPUS GPUs in two rows of a PCI bus, in the reverse of their PCI order.
// With MIG the first is divided, with GARBAGE the answers are such as no driver should give, with OLD a call is
// missing, with FAILS there is no driver. While the file STATE.ecc, STATE.xid or STATE.busy is there, the first GPU has
// memory errors, a critical error, or a process with 40 GiB; while STATE.energy is there, its counter stands 5,000 mJ
// higher; while STATE.hang is there, the library does not begin.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
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
    void *device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
} event_data;
typedef struct {
    int index, instance;
} device;

static device gpus[64], parts[64];
static int is_there(const char *what) { return access(what, F_OK) == 0; }

#ifndef OLD
int nvmlInit_v2(void) {
#ifdef FAILS
    return 9;
#endif
    while (is_there(STATE ".hang")) usleep(1000);
    for (int i = 0; i < 64; i++) {
        gpus[i] = (device){i, -1};
        parts[i] = (device){0, i};
    }
    return 0;
}
#endif
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : NULL; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) {
    snprintf(text, size, "580.65.06");
    return 0;
}
int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = GPUS;
    return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
#ifdef GARBAGE
    if (index == 1) {
        *handle = NULL;
        return 0;
    }
#endif
    *handle = &gpus[index];
    return 0;
}
int nvmlDeviceGetName(device *gpu, char *text, unsigned size) {
#ifdef GARBAGE
    memset(text, 0xFE, size);
    return 0;
#endif
    snprintf(text, size, gpu->instance < 0 ? "NVIDIA H100 80GB HBM3" : "NVIDIA H100 80GB HBM3 MIG 1g.10gb");
    return 0;
}
int nvmlDeviceGetUUID(device *gpu, char *text, unsigned size) {
#ifdef GARBAGE
    memset(text, 'x', size);
    return 0;
#endif
    int number = gpu->instance < 0 ? gpu->index : gpu->instance;
    snprintf(text, size, "%s-0000%d", gpu->instance < 0 ? "GPU" : "MIG", number);
    return 0;
}
int nvmlDeviceGetPciInfo_v3(device *gpu, pci_info *pci) {
#ifdef GARBAGE
    if (gpu->index == 2) {
        memset(pci, 0xFF, sizeof *pci);
        return 0;
    }
#endif
    *pci = (pci_info){.bus = 0x80u - (unsigned)gpu->index};
    return 0;
}
int nvmlDeviceGetMemoryInfo(device *gpu, memory_info *memory) {
    unsigned long long total = gpu->instance < 0 ? 80ull << 30 : 10ull << 30;
#ifdef GARBAGE
    total = ~0ull;
#endif
    *memory = (memory_info){total, total, 0};
    return 0;
}
int nvmlDeviceGetMigMode(device *gpu, unsigned *now, unsigned *pending) {
#ifdef MIG
    *now = *pending = gpu->index == 0;
    return 0;
#endif
    return 3;
}
int nvmlDeviceGetMaxMigDeviceCount(device *gpu, unsigned *count) {
    *count = 7;
    return 0;
}
int nvmlDeviceGetMigDeviceHandleByIndex(device *gpu, unsigned index, void **handle) {
    if (index != 1 && index != 4) return 6;
    *handle = &parts[index];
    return 0;
}
int nvmlDeviceGetNvLinkState(device *gpu, unsigned link, unsigned *state) {
    *state = link < 2;
    return 0;
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(device *gpu, unsigned link, pci_info *pci) {
    *pci = (pci_info){.bus = 0x80u - (unsigned)(gpu->index ^ 1)};
    return 0;
}
int nvmlDeviceGetTotalEccErrors(device *gpu, unsigned type, unsigned counter, unsigned long long *count) {
    *count = type == 1 && counter == 0 && gpu->index == 0 && is_there(STATE ".ecc") ? 3 : 0;
    return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(device *gpu, unsigned long long *energy) {
    *energy = 1000000 + (is_there(STATE ".energy") ? 5000 : 0);
    return 0;
}
int nvmlDeviceGetTemperature(device *gpu, unsigned sensor, unsigned *degrees) {
    *degrees = 40;
    return 0;
}
int nvmlDeviceGetTemperatureThreshold(device *gpu, unsigned kind, unsigned *degrees) {
    *degrees = 95;
    return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(device *gpu, unsigned *count, process_info *found) {
#ifdef GARBAGE
    *count = ~0u;
    return 0;
#endif
    *count = gpu->index == 0 && is_there(STATE ".busy") ? 2 : 0;
    found[0] = (process_info){.pid = 100, .memory = 40ull << 30};
    found[1] = (process_info){.pid = 200, .memory = ~0ull};
    return 0;
}
int nvmlEventSetCreate(void **set) {
    *set = gpus;
    return 0;
}
int nvmlEventSetFree(void *set) { return 0; }
int nvmlDeviceRegisterEvents(device *gpu, unsigned long long types, void *set) { return 0; }
int nvmlEventSetWait_v2(void *set, event_data *event, unsigned milliseconds) {
    int number = is_there(STATE ".xid") ? 79 : is_there(STATE ".fault") ? 31 : 0;
    if (number == 0) {
        usleep(2000);
        return 10;
    }
    *event = (event_data){.device = &gpus[0], .type = 8, .data = (unsigned)number};
    return 0;
}
