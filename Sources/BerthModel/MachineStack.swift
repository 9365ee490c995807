/// What a node's jobs run on beside its hardware: the layers that a result may depend on.
public struct MachineStack: Hashable, Sendable, Codable {
    public var hostName: String
    /// `Debian GNU/Linux 12 (bookworm)`
    public var operatingSystem: String?
    /// `6.18.5`
    public var kernelRelease: String?
    public var architecture: String?
    /// The kernel's name for this boot.
    public var bootID: String?
    /// Versions by driver, `nvidia: 580.65.06`.
    public var drivers: [String: String]
    public var hwlocVersion: String?
    public var firmwareVersion: String?

    public init(
        hostName: String = "", operatingSystem: String? = nil, kernelRelease: String? = nil,
        architecture: String? = nil,
        bootID: String? = nil, drivers: [String: String] = [:], hwlocVersion: String? = nil,
        firmwareVersion: String? = nil
    ) {
        self.hostName = hostName
        self.operatingSystem = operatingSystem
        self.kernelRelease = kernelRelease
        self.architecture = architecture
        self.bootID = bootID
        self.drivers = drivers
        self.hwlocVersion = hwlocVersion
        self.firmwareVersion = firmwareVersion
    }
}
