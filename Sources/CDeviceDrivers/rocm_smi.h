#ifndef BERTH_ROCM_SMI_H
#define BERTH_ROCM_SMI_H

#include <stdint.h>

// The part of ROCm SMI's public interface that is used, after rocm_smi.h 5 to 7 (github.com/ROCm/rocm_smi_lib).

typedef struct {
    uint64_t correctable, uncorrectable;
} error_count;
typedef struct {
    uint32_t process, pasid;
    uint64_t vram_bytes, sdma_microseconds;
    uint32_t occupancy, evicted;
} process_info;

enum { insufficient_size = 11, vram = 0, driver_component = 0, xgmi = 2 };
/// The hottest place of the die; its temperature now, and the one at which the GPU is switched off.
enum { junction = 1, temperature_now = 0, temperature_emergency = 7 };
/// The blocks with memory: the memory controller (UMC), the DMA engines, the compute units and the MMU's hub.
static const uint64_t memory_blocks[] = {0x1, 0x2, 0x4, 0x8};
/// Locks among this process's threads only. By default they are shared by all processes through files in /dev/shm,
/// and one that is killed while it holds a lock stops all others.
static const uint64_t locks_own_threads_only = 0x400000000000000;

#endif
