#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void berth_text_copy(char *to, size_t size, const char *from, size_t most) {
    size_t length = strnlen(from, most);
    if (length >= size) length = size - 1;
    memcpy(to, from, length);
    to[length] = 0;
}

/// Whether the linker says that it has not found this file, not one that the file needs.
static int is_absence(const char *said, const char *path) {
    return strncmp(said, path, strlen(path)) == 0 && strstr(said, "No such file or directory");
}

void *berth_library_open(
    const char *path, int flags, size_t size, const berth_driver_calls *calls, berth_driver_problem *problem) {
    memset(problem, 0, sizeof *problem);
    berth_driver *driver = calloc(1, size);
    if (!driver) {
        snprintf(problem->text, sizeof problem->text, "out of memory");
        return NULL;
    }
    driver->calls = calls;
    driver->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | flags);
    if (driver->library) return driver;
    const char *said = dlerror();
    if (!said) said = "it cannot be opened";
    problem->is_absent = is_absence(said, path);
    snprintf(problem->text, sizeof problem->text, "%s", said);
    free(driver);
    return NULL;
}

void berth_library_refuse(berth_driver *driver, int code, berth_driver_problem *problem) {
    berth_driver_error(driver, code, problem->text, sizeof problem->text);
    dlclose(driver->library);
    free(driver);
}

void berth_library_find(berth_driver *driver, void *slot, const char *name) {
    void *symbol = dlsym(driver->library, name);
    memcpy(slot, &symbol, sizeof symbol);
}

void berth_driver_close(berth_driver *driver) {
    driver->calls->close(driver);
    dlclose(driver->library);
    free(driver);
}

int berth_driver_count(const berth_driver *driver) { return driver->count; }

void berth_driver_version(berth_driver *driver, char *version, size_t size) {
    memset(version, 0, size);
    if (driver->calls->version) driver->calls->version(driver, version, size);
    version[size - 1] = 0;
}

void berth_driver_error(const berth_driver *driver, int code, char *text, size_t size) {
    const char *said = driver->calls->error ? driver->calls->error(driver, code) : NULL;
    if (code == BERTH_DRIVER_LACKS) snprintf(text, size, "the library lacks a call that is needed; is it too old?");
    else if (said) snprintf(text, size, "%s (%d)", said, code);
    else snprintf(text, size, "error %d", code);
}

static int is_one(const berth_driver *driver, int index) { return index >= 0 && index < driver->count; }

int berth_driver_describe(berth_driver *driver, int index, int instance, berth_gpu *gpu) {
    memset(gpu, 0, sizeof *gpu);
    if (!is_one(driver, index)) return BERTH_DRIVER_LACKS;
    return driver->calls->describe(driver, index, instance, gpu);
}

int berth_driver_energy_millijoules(berth_driver *driver, int index, uint64_t *millijoules) {
    *millijoules = 0;
    if (!is_one(driver, index) || !driver->calls->energy_millijoules) return BERTH_DRIVER_LACKS;
    return driver->calls->energy_millijoules(driver, index, millijoules);
}

void berth_driver_health(berth_driver *driver, int index, berth_gpu_health *health) {
    *health = (berth_gpu_health){.uncorrected_errors = UINT64_MAX};
    if (is_one(driver, index) && driver->calls->health) driver->calls->health(driver, index, health);
}

int berth_driver_watch(berth_driver *driver) {
    return driver->calls->watch ? driver->calls->watch(driver) : BERTH_DRIVER_LACKS;
}

int berth_driver_next_error(berth_driver *driver, unsigned milliseconds, int *index, uint64_t *number) {
    if (!driver->calls->next_error) return BERTH_DRIVER_LACKS;
    return driver->calls->next_error(driver, milliseconds, index, number);
}

int berth_driver_peers(berth_driver *driver, int index, berth_pci_place *peers, unsigned room) {
    if (!is_one(driver, index) || !driver->calls->peers) return BERTH_DRIVER_LACKS;
    return driver->calls->peers(driver, index, peers, room);
}

int berth_driver_processes(
    berth_driver *driver, int index, int instance, berth_gpu_process *processes, unsigned room) {
    if (!is_one(driver, index) || !driver->calls->processes) return BERTH_DRIVER_LACKS;
    return driver->calls->processes(driver, index, instance, processes, room);
}
