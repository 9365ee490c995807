#define _GNU_SOURCE  // RTLD_NODELETE
#include "level_zero.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

enum { most_drivers = 16, most_parts = 64 };

typedef int (*enumerate)(handle_t, uint32_t *, handle_t *);

typedef struct {
    berth_driver driver;
    handle_t devices[most_gpus];
    int (*init)(uint32_t);
    int (*drivers)(uint32_t *, handle_t *);
    enumerate devices_of;
    int (*device_properties)(handle_t, device_properties *);
    int (*device_state)(handle_t, device_state *);
    int (*pci_properties)(handle_t, pci_properties *);
    enumerate memories;
    int (*memory_properties)(handle_t, memory_properties *);
    int (*memory_state)(handle_t, memory_state *);
    enumerate error_sets;
    int (*ras_properties)(handle_t, ras_properties *);
    int (*ras_state)(handle_t, uint8_t, ras_state *);
    int (*card_power)(handle_t, handle_t *);
    enumerate powers;
    int (*power_properties)(handle_t, power_properties *);
    int (*energy)(handle_t, energy_counter *);
    int (*processes)(handle_t, uint32_t *, process_state *);
} level_zero;

static void find_all(level_zero *own) {
    berth_driver *driver = &own->driver;
    berth_library_find(driver, &own->init, "zesInit");
    berth_library_find(driver, &own->drivers, "zesDriverGet");
    berth_library_find(driver, &own->devices_of, "zesDeviceGet");
    berth_library_find(driver, &own->device_properties, "zesDeviceGetProperties");
    berth_library_find(driver, &own->device_state, "zesDeviceGetState");
    berth_library_find(driver, &own->pci_properties, "zesDevicePciGetProperties");
    berth_library_find(driver, &own->memories, "zesDeviceEnumMemoryModules");
    berth_library_find(driver, &own->memory_properties, "zesMemoryGetProperties");
    berth_library_find(driver, &own->memory_state, "zesMemoryGetState");
    berth_library_find(driver, &own->error_sets, "zesDeviceEnumRasErrorSets");
    berth_library_find(driver, &own->ras_properties, "zesRasGetProperties");
    berth_library_find(driver, &own->ras_state, "zesRasGetState");
    berth_library_find(driver, &own->card_power, "zesDeviceGetCardPowerDomain");
    berth_library_find(driver, &own->powers, "zesDeviceEnumPowerDomains");
    berth_library_find(driver, &own->power_properties, "zesPowerGetProperties");
    berth_library_find(driver, &own->energy, "zesPowerGetEnergyCounter");
    berth_library_find(driver, &own->processes, "zesDeviceProcessesGetState");
}

/// Level Zero has no call that ends it.
static void leave(berth_driver *driver) { (void)driver; }

static const char *error(const berth_driver *driver, int code) {
    (void)driver;
    switch (code) {
    case uninitialized: return "it finds no driver";
    case insufficient_permissions: return "the agent's user may not ask the driver";
    default: return NULL;
    }
}

/// The parts of a device, at most `most_parts`.
static unsigned list(enumerate call, handle_t of, handle_t *parts) {
    uint32_t count = most_parts;
    if (!call || call(of, &count, parts) != 0) return 0;
    return count < most_parts ? count : most_parts;
}

static int find_properties(level_zero *own, int index, device_properties *properties) {
    memset(properties, 0, sizeof *properties);
    properties->type = device_properties_type;
    properties->core.type = core_properties_type;
    return own->device_properties(own->devices[index], properties);
}

/// What a driver says that does not know; older ones write it large.
static int is_unknown(const char *text) {
    return strncmp(text, "unknown", 8) == 0 || strncmp(text, "Unknown", 8) == 0;
}

static void version(berth_driver *driver, char *version, size_t size) {
    device_properties properties;
    if (driver->count == 0 || find_properties((level_zero *)driver, 0, &properties) != 0) return;
    if (is_unknown(properties.driver_version)) return;
    berth_text_copy(version, size, properties.driver_version, sizeof properties.driver_version);
}

/// Bytes of a device's own memory.
static uint64_t find_memory(level_zero *own, handle_t device) {
    handle_t modules[most_parts] = {0};
    uint64_t sum = 0;
    unsigned count = own->memory_properties ? list(own->memories, device, modules) : 0;
    for (unsigned module = 0; module < count; module++) {
        memory_properties properties = {.type = memory_properties_type};
        memory_state state = {.type = memory_state_type};
        if (own->memory_properties(modules[module], &properties) != 0) continue;
        if (properties.location != device_location) continue;
        // Not every driver knows what is built in, and then it knows what can be allocated.
        if (properties.bytes == 0 && own->memory_state && own->memory_state(modules[module], &state) == 0)
            properties.bytes = state.size;
        if (__builtin_add_overflow(sum, properties.bytes, &sum)) return 0;
    }
    return sum;
}

static int describe(berth_driver *driver, int index, int instance, berth_gpu *gpu) {
    level_zero *own = (level_zero *)driver;
    if (instance >= 0) return BERTH_DRIVER_LACKS;
    pci_properties pci = {.type = pci_properties_type};
    int code = own->pci_properties(own->devices[index], &pci);
    if (code != 0) return code;
    gpu->pci = (berth_pci_place){pci.domain, pci.bus, pci.device, pci.function};
    device_properties properties;
    if ((code = find_properties(own, index, &properties)) != 0) return code;
    if (properties.model[0] && !is_unknown(properties.model))
        berth_text_copy(gpu->name, sizeof gpu->name, properties.model, sizeof properties.model);
    else berth_text_copy(gpu->name, sizeof gpu->name, properties.core.name, sizeof properties.core.name);
    int is_named = 0;
    for (int byte = 0; byte < 16; byte++) {
        is_named |= properties.core.uuid[byte];
        snprintf(gpu->uuid + 2 * byte, 3, "%02x", properties.core.uuid[byte]);
    }
    if (!is_named) gpu->uuid[0] = 0;
    gpu->memory_bytes = find_memory(own, own->devices[index]);
    return 0;
}

/// The counter of the whole card; a driver that has none for it may have one for the device.
static int energy_millijoules(berth_driver *driver, int index, uint64_t *millijoules) {
    level_zero *own = (level_zero *)driver;
    handle_t device = own->devices[index], card = NULL, domains[most_parts] = {0};
    energy_counter counter = {0};
    if (!own->energy) return BERTH_DRIVER_LACKS;
    int code = BERTH_DRIVER_LACKS;
    if (own->card_power && own->card_power(device, &card) == 0 && card) code = own->energy(card, &counter);
    unsigned count = code != 0 && own->power_properties ? list(own->powers, device, domains) : 0;
    for (unsigned domain = 0; code != 0 && domain < count; domain++) {
        power_properties properties = {.type = power_properties_type};
        if (own->power_properties(domains[domain], &properties) == 0 && !properties.is_on_subdevice)
            code = own->energy(domains[domain], &counter);
    }
    *millijoules = counter.microjoules / 1000;
    return code;
}

static void count_errors(level_zero *own, handle_t device, berth_gpu_health *health) {
    handle_t sets[most_parts] = {0};
    unsigned count = own->ras_properties && own->ras_state ? list(own->error_sets, device, sets) : 0;
    for (unsigned set = 0; set < count; set++) {
        ras_properties properties = {.type = ras_properties_type};
        ras_state state = {.type = ras_state_type};
        const uint8_t leaves_counters = 0;
        if (own->ras_properties(sets[set], &properties) != 0 || properties.kind != uncorrectable
            || own->ras_state(sets[set], leaves_counters, &state) != 0)
            continue;
        if (health->uncorrected_errors == UINT64_MAX) health->uncorrected_errors = 0;
        for (int category = first_hardware_error; category <= last_hardware_error; category++) {
            // A number beyond all reason is no answer.
            if (state.counts[category] <= UINT32_MAX) health->uncorrected_errors += state.counts[category];
        }
    }
}

static void health(berth_driver *driver, int index, berth_gpu_health *health) {
    level_zero *own = (level_zero *)driver;
    handle_t device = own->devices[index], modules[most_parts] = {0};
    count_errors(own, device, health);
    device_state state = {.type = device_state_type};
    if (own->device_state && own->device_state(device, &state) == 0) {
        if (state.reset_reasons & wedged) health->fault = "a part of it hangs, and it must be reset";
        else if (state.reset_reasons & repair) health->fault = "it must be reset to complete a repair";
    }
    unsigned count = own->memory_state ? list(own->memories, device, modules) : 0;
    for (unsigned module = 0; module < count; module++) {
        memory_state memory = {.type = memory_state_type};
        if (own->memory_state(modules[module], &memory) != 0) continue;
        if (memory.health == memory_critical) health->fault = "its memory is in a critical state";
        if (memory.health == memory_replace)
            health->fault = "its memory has too many errors, and it must be replaced";
    }
}

static int processes(
    berth_driver *driver, int index, int instance, berth_gpu_process *processes, unsigned room) {
    level_zero *own = (level_zero *)driver;
    if (instance >= 0 || !own->processes) return BERTH_DRIVER_LACKS;
    process_state *found = calloc(most_processes, sizeof *found);
    if (!found) return BERTH_DRIVER_LACKS;
    for (int place = 0; place < most_processes; place++) found[place].type = process_state_type;
    uint32_t count = most_processes;
    int code = own->processes(own->devices[index], &count, found);
    if (count > most_processes) count = most_processes;
    if (count > room) count = room;
    for (uint32_t place = 0; code == 0 && place < count; place++)
        processes[place] = (berth_gpu_process){found[place].process, found[place].bytes};
    free(found);
    return code == 0 ? (int)count : BERTH_DRIVER_LACKS;
}

static const berth_driver_calls calls = {
    .close = leave,
    .error = error,
    .version = version,
    .describe = describe,
    .energy_millijoules = energy_millijoules,
    .health = health,
    .processes = processes,
};

/// Keeps Intel's GPUs: there are other kinds of devices (NPUs), and drivers of others. One of which nothing can be
/// known keeps its place, so that it is reported.
static int keep_gpus(level_zero *own) {
    handle_t drivers[most_drivers] = {0};
    uint32_t count = most_drivers;
    int code = own->drivers(&count, drivers);
    if (code != 0) return code;
    for (uint32_t driver = 0; driver < count && driver < most_drivers; driver++) {
        handle_t devices[most_parts] = {0};
        unsigned found = list(own->devices_of, drivers[driver], devices);
        for (unsigned device = 0; device < found && own->driver.count < most_gpus; device++) {
            device_properties properties;
            own->devices[own->driver.count] = devices[device];
            if (find_properties(own, own->driver.count, &properties) != 0
                || (properties.core.kind == gpu_kind && properties.core.vendor == intel))
                own->driver.count++;
        }
    }
    return 0;
}

berth_driver *berth_level_zero_open(const char *path, berth_driver_problem *problem) {
    // It stays loaded: the drivers that it loads have threads, and no call ends them.
    level_zero *own = berth_library_open(path, RTLD_NODELETE, sizeof *own, &calls, problem);
    if (!own) return NULL;
    find_all(own);
    int code = BERTH_DRIVER_LACKS;
    if (own->init && own->drivers && own->devices_of && own->device_properties && own->pci_properties)
        code = own->init(0);
    if (code == 0) code = keep_gpus(own);
    if (code == 0) return &own->driver;
    berth_library_refuse(&own->driver, code, problem);
    return NULL;
}
