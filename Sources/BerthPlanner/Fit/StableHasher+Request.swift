import BerthModel

extension StableHasher {
    /// Every field in a fixed order: a dictionary's own order changes from run to run.
    mutating func combine(_ request: ResourceRequest) {
        combine(request.cpus)
        combine(request.countsThreads ? 1 : 0)
        combine(request.memoryBytes ?? -1)
        combine(request.locality.description)
        combine(request.nodes)
        combine(request.isExclusive ? 1 : 0)
        combine(request.gpus?.thousandths ?? 0)
        combine(request.gpus?.models.count ?? 0)
        for model in request.gpus?.models ?? [] { combine(model) }
        combine(request.gpus?.memoryBytes ?? -1)
        combine(request.gpus?.link?.rawValue ?? "")
        combine(request.devices.count)
        for device in request.devices { combine(device) }
        guard let throughput = request.throughput else { return }
        for (type, rate) in throughput.rates.sorted(by: { $0.key < $1.key }) {
            combine(type)
            combine(rate.bitPattern)
        }
    }

    private mutating func combine(_ device: DeviceRequest) {
        combine(device.kind)
        combine(device.count)
        combine(device.attributes.count)
        for (name, value) in device.attributes.sorted(by: { $0.key < $1.key }) {
            combine(name)
            combine(value)
        }
    }

    private mutating func combine(_ value: AttributeValue) {
        switch value {
        case .number(let number): combine(number.bitPattern)
        case .text(let text): combine(text)
        case .flag(let flag): combine(flag ? "true" : "false")
        case .list(let items): for item in items { combine(item) }
        }
    }
}
