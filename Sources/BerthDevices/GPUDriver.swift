public import BerthModel
import CDeviceDrivers

/// A vendor's driver of GPUs, by the library that it installs to be asked through.
public struct GPUDriver: Sendable {
    /// What the library is called in messages: `NVML`.
    public let name: String
    /// Whose GPUs it drives, as `Device.vendor` has it.
    let vendor: String
    /// What its version stands under in `MachineStack.drivers`.
    let stackName: String
    /// How its GPUs are linked; nil where the library does not tell.
    let links: Inventory.DeviceLink.Kind?
    /// What makes a GPU whole that the library lists once for each of its partitions; nil where it lists no partitions.
    let remedyForPartitions: String?
    /// Names, looked up as the dynamic linker does, and paths. The first that is there is used.
    let libraries: [String]
    let open: @Sendable (UnsafePointer<CChar>, UnsafeMutablePointer<berth_driver_problem>) -> OpaquePointer?

    /// NVIDIA's, by NVML.
    public static func nvidia(libraries: [String] = ["libnvidia-ml.so.1"]) -> GPUDriver {
        GPUDriver(
            name: "NVML", vendor: "NVIDIA", stackName: "nvidia", links: .nvlink, remedyForPartitions: nil,
            libraries: libraries
        ) { berth_nvml_open($0, $1) }
    }

    /// AMD's, by ROCm SMI. AMD's packages do not always tell the dynamic linker where they are.
    public static func amd(
        libraries: [String] = [
            "librocm_smi64.so.7", "librocm_smi64.so.1", "librocm_smi64.so", "/opt/rocm/lib/librocm_smi64.so",
        ]
    ) -> GPUDriver {
        GPUDriver(
            name: "ROCm SMI", vendor: "AMD", stackName: "amdgpu", links: .xgmi,
            remedyForPartitions: "rocm-smi --setcomputepartition SPX", libraries: libraries
        ) { berth_rocm_open($0, $1) }
    }

    /// Intel's, by the system management of Level Zero.
    public static func intel(libraries: [String] = ["libze_loader.so.1"]) -> GPUDriver {
        GPUDriver(
            name: "Level Zero", vendor: "Intel", stackName: "level-zero", links: nil, remedyForPartitions: nil,
            libraries: libraries
        ) { berth_level_zero_open($0, $1) }
    }

    /// The drivers that Berth knows, installed here or not.
    public static var all: [GPUDriver] { [nvidia(), amd(), intel()] }

    /// Those of `all` that have told of some of a node's devices: a GPU that none has told of is unusable and has no UUID.
    /// So a driver that has not answered is not asked again.
    ///
    /// - Parameter devices: the node's, after `ProbeReport.merging`.
    public static func telling(of devices: [Device]) -> [GPUDriver] {
        all.filter { driver in
            devices.contains { device in
                device.kind == "gpu" && !device.isDeclared && device.vendor == driver.vendor
                    && (device.uuid != nil || device.health == .healthy)
            }
        }
    }
}
