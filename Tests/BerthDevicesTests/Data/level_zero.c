// A stand-in for Level Zero's loader: an NPU, and GPUS GPUs in two rows of a PCI bus, in the reverse of their PCI
// order, with two tiles each. With NOCARD there is no counter for a card, with GARBAGE the answers are such as no
// driver should give, with OLD a call is missing, with FAILS there is no driver. While the file STATE.ecc,
// STATE.wedged, STATE.worn or STATE.busy is there, the first GPU has errors, hangs, has memory to be replaced, or a
// process with 40 GiB; while STATE.energy is there, its counter stands 5,000 mJ higher. A structure that does not say
// its type is refused, as drivers do. Structures are filled in by the offsets that the fields have in zes_api.h, not by
// the types that Berth declares.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    int index;
    int part;
} thing;
typedef struct {
    int type;
    void *next;
    uint8_t rest[];
} head;

static thing devices[65], parts[65][8];
static int is_there(const char *what) { return access(what, F_OK) == 0; }
static const int invalid_argument = 0x78000004;
static void put(void *structure, size_t offset, const void *value, size_t size) {
    memcpy((char *)structure + offset, value, size);
}
static void put32(void *structure, size_t offset, uint32_t value) { put(structure, offset, &value, 4); }
static void put64(void *structure, size_t offset, uint64_t value) { put(structure, offset, &value, 8); }
/// The first GPU; the NPU stands before it.
static int is_first(const thing *thing) { return thing->index == 1; }
static int list(int count, thing *of, uint32_t *room, void **found) {
    for (int place = 0; place < count && place < (int)*room; place++) found[place] = &of[place];
    *room = count;
    return 0;
}
static int parts_of(thing *device, int count, uint32_t *room, void **found) {
    return list(count, parts[device->index], room, found);
}

#ifndef OLD
int zesInit(uint32_t flags) {
#ifdef FAILS
    return 0x78000001;
#endif
    for (int index = 0; index < 65; index++) {
        devices[index] = (thing){index, -1};
        for (int part = 0; part < 8; part++) parts[index][part] = (thing){index, part};
    }
    return flags;
}
#endif
int zesDriverGet(uint32_t *room, void **found) { return list(1, devices, room, found); }
int zesDeviceGet(void *driver, uint32_t *room, void **found) { return list(GPUS + 1, devices, room, found); }
// The core's part is at 16, in it kind, vendor, UUID and name at 16, 20, 96 and 112; texts of 64 bytes begin at 388.
int zesDeviceGetProperties(thing *device, head *properties) {
    if (properties->type != 1 || *(int *)((char *)properties + 16) != 3) return invalid_argument;
    put32(properties, 16 + 16, device->index == 0 ? 5 : 1);
    put32(properties, 16 + 20, 0x8086);
    char *uuid = (char *)properties + 16 + 96;
    for (int byte = 0; byte < 16; byte++) uuid[byte] = device->index * 16 + byte;
    char *texts = (char *)properties + 388;
    snprintf(texts + 3 * 64, 64, "Intel(R) Data Center GPU Max 1550");
    snprintf(texts + 5 * 64, 64, "1.6.31294");
#ifdef GARBAGE
    memset(uuid + 16, 0xFE, 256);
    memset(texts, 0xFE, 6 * 64);
#endif
    return 0;
}
int zesDevicePciGetProperties(thing *device, head *properties) {
    if (properties->type != 2) return invalid_argument;
    put32(properties, 20, 0x81 - device->index);
#ifdef GARBAGE
    if (device->index == 2) return 0x70000001;
    if (device->index == 3) put32(properties, 24, 99);
#endif
    return 0;
}
int zesDeviceGetState(thing *device, head *state) {
    if (state->type != 0x15) return invalid_argument;
    put32(state, 16, is_first(device) && is_there(STATE ".wedged"));
    return 0;
}
// A module for each tile, and one of the host's memory.
int zesDeviceEnumMemoryModules(thing *device, uint32_t *room, void **found) {
    return parts_of(device, 3, room, found);
}
int zesMemoryGetProperties(thing *module, head *properties) {
    if (properties->type != 0xb) return invalid_argument;
    put32(properties, 28, module->part < 2);
    put64(properties, 32, module->part == 1 ? 0 : 40ull << 30);
#ifdef GARBAGE
    put64(properties, 32, ~0ull);
#endif
    return 0;
}
int zesMemoryGetState(thing *module, head *state) {
    if (state->type != 0x1e) return invalid_argument;
    put32(state, 16, is_first(module) && module->part == 1 && is_there(STATE ".worn") ? 4 : 1);
    put64(state, 32, 40ull << 30);
    return 0;
}
// Errors that were corrected, and others.
int zesDeviceEnumRasErrorSets(thing *device, uint32_t *room, void **found) { return parts_of(device, 2, room, found); }
int zesRasGetProperties(thing *set, head *properties) {
    if (properties->type != 0xf) return invalid_argument;
    put32(properties, 16, set->part);
    return 0;
}
int zesRasGetState(thing *set, uint8_t clears, head *state) {
    if (state->type != 0x22 || clears) return invalid_argument;
    for (int category = 0; category < 7; category++) put64(state, 16 + 8 * category, 0);
    put64(state, 16 + 8 * (set->part == 0 ? 4 : 1), 1000);
    if (set->part == 1 && is_first(set) && is_there(STATE ".ecc")) put64(state, 16 + 8 * 4, 3);
#ifdef GARBAGE
    put64(state, 16 + 8 * 4, ~0ull);
#endif
    return 0;
}
int zesDeviceGetCardPowerDomain(thing *device, void **domain) {
#ifdef NOCARD
    return 0x78000003;
#endif
    *domain = &parts[device->index][2];
    return 0;
}
// One for each tile, then the device's.
int zesDeviceEnumPowerDomains(thing *device, uint32_t *room, void **found) { return parts_of(device, 3, room, found); }
int zesPowerGetProperties(thing *domain, head *properties) {
    if (properties->type != 0xd) return invalid_argument;
    properties->rest[0] = domain->part < 2;
    return 0;
}
int zesPowerGetEnergyCounter(thing *domain, uint64_t *counter) {
    counter[0] = domain->part < 2 ? 0 : 1000000000 + (is_there(STATE ".energy") ? 5000000 : 0);
    return 0;
}
int zesDeviceProcessesGetState(thing *device, uint32_t *room, head *found) {
    if (found->type != 0x16) return invalid_argument;
#ifdef GARBAGE
    *room = ~0u;
    return 0;
#endif
    *room = is_first(device) && is_there(STATE ".busy") ? 2 : 0;
    // Each is 48 bytes: its number at 16, its memory at 24.
    put32(found, 16, 100);
    put64(found, 24, 40ull << 30);
    put32(found, 48 + 16, 200);
    put64(found, 48 + 24, ~0ull);
    return 0;
}
