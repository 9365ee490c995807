import BerthKeeping
import BerthModel
import CLinux

extension Isolation {
    /// The devices that a job may not use, by the numbers of their files; none where this node cannot close any.
    ///
    /// - Parameters:
    ///   - devices: the node's.
    ///   - given: the names of those that the job holds. A file that one of these shares with others stays open to it.
    /// - Returns: sorted; files that are not there, or are no character devices, are passed over.
    func refusedDevices(of devices: [Device], given: [String]) -> [ControlGroup.DeviceNumber] {
        guard refusesDevices else { return [] }
        let own = devices.filter { given.contains($0.name) }.flatMap(Self.numbers)
        return Set(devices.flatMap(Self.numbers)).subtracting(own)
            .sorted { ($0.major, $0.minor) < ($1.major, $1.minor) }
    }

    private static func numbers(of device: Device) -> [ControlGroup.DeviceNumber] {
        (device.files ?? []).compactMap { file in
            var number = berth_device_number()
            guard berth_device_behind(file, &number) == 0 else { return nil }
            return ControlGroup.DeviceNumber(major: number.major, minor: number.minor)
        }
    }
}
