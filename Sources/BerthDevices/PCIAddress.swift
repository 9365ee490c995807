/// A PCI function's place, in one spelling whoever says it.
public struct PCIAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var domain: UInt32
    public var bus: UInt8
    public var device: UInt8
    public var function: UInt8

    public init(domain: UInt32, bus: UInt8, device: UInt8, function: UInt8 = 0) {
        self.domain = domain
        self.bus = bus
        self.device = device
        self.function = function
    }

    /// Reads `0000:3b:00.0`, as well as `00000000:3B:00.0` (NVML) and `3b:00.0`; nil for what is no address.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let last = parts.last else { return nil }
        let place = last.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(place.count), let device = UInt8(place[0], radix: 16), device < 32,
            let function = place.count == 2 ? UInt8(place[1], radix: 16) : 0, function < 8,
            let bus = UInt8(parts[parts.count - 2], radix: 16),
            let domain = parts.count == 3 ? UInt32(parts[0], radix: 16) : 0
        else { return nil }
        self.init(domain: domain, bus: bus, device: device, function: function)
    }

    /// As hwloc and Linux write it: `0000:3b:00.0`.
    public var description: String {
        func hex(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(hex(domain, 4)):\(hex(bus, 2)):\(hex(device, 2)).\(function)"
    }

    public static func < (left: PCIAddress, right: PCIAddress) -> Bool {
        (left.domain, left.bus, left.device, left.function) < (right.domain, right.bus, right.device, right.function)
    }
}
