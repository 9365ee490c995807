/// Prices that keep scarce accelerator models for the tasks that can use no others.
///
/// The demand of each set of allowed models is spread over its models so that the loads, demand per free GPU, are as
/// equal as they can be. Where a model's load stays above the mean, what only it can serve will outlast it, and a
/// task that could go elsewhere pays for taking its GPUs.
///
/// The fluid picture of dual (bid) prices; the spreading is the usual water-filling, one set after the other.
struct ModelPrices: Sendable {
    private var demands: [Demand] = []
    /// Free thousandths of a GPU that can be expected to be filled, by model.
    private var free: [Double]
    /// What all demands together send to each model.
    private var routed: [Double]
    /// By model, thousandths of a GPU for each thousandth taken: 0 where the load is no more than the mean, at most 1.
    private(set) var prices: [Double]

    private struct Demand {
        let models: AcceleratorModels
        let amount: Double
        /// What goes to each model.
        var routes: [Double]
    }

    private static let firstRounds = 50
    private static let laterRounds = 3

    /// - Parameters:
    ///   - shares: the mix.
    ///   - free: thousandths of a GPU, by model.
    init(shares: [(shape: PackingShape, share: Double)], free: [Double]) {
        self.free = free
        routed = Array(repeating: 0, count: free.count)
        prices = routed
        var order: [AcceleratorModels] = []
        var amounts: [AcceleratorModels: Double] = [:]
        for (shape, share) in shares where shape.gpuCount > 0 {
            if amounts[shape.models] == nil { order.append(shape.models) }
            amounts[shape.models, default: 0] += share * Double(shape.totalGPUMillis)
        }
        for models in order {
            demands.append(Demand(models: models, amount: amounts[models] ?? 0, routes: routed))
        }
        balance(rounds: Self.firstRounds)
    }

    /// How much more often than by its size a model receives a task with these allowed models: 1 everywhere where
    /// nothing is scarce.
    func density(of models: AcceleratorModels, on model: Int) -> Double {
        guard let demand = demands.first(where: { $0.models == models }), demand.amount > 0, free[model] > 0
        else { return 1 }
        return demand.routes[model] / demand.amount * free.reduce(0, +) / free[model]
    }

    /// Follows what is free: by `change` thousandths on `model`. Prices stay until the next `rebalance()`.
    mutating func freeChanged(by change: Double, on model: Int) { free[model] += change }

    /// Takes over a new measure of what is free.
    mutating func setFree(_ free: [Double]) {
        self.free = free
        balance(rounds: Self.firstRounds)
    }

    /// Spreads the demands over what is free now.
    ///
    /// - Complexity: O(sets · models · log models).
    mutating func rebalance() { balance(rounds: Self.laterRounds) }

    private mutating func balance(rounds: Int) {
        for _ in 0..<rounds {
            for index in demands.indices { demands[index].routes = routes(for: demands[index]) }
        }
        let mean = routed.reduce(0, +) / max(1, free.reduce(0, +))
        for model in prices.indices {
            prices[model] = free[model] > 1 && mean > 0 ? min(1, max(0, routed[model] / free[model] / mean - 1)) : 0
        }
    }

    /// Pours a demand over its models, the least loaded first, up to a common load.
    private mutating func routes(for demand: Demand) -> [Double] {
        for model in routed.indices { routed[model] -= demand.routes[model] }
        let order = free.indices.filter { free[$0] > 1 && demand.models.contains(AcceleratorModels(model: $0)) }
            .sorted { (routed[$0] / free[$0], $0) < (routed[$1] / free[$1], $1) }
        var poured = demand.amount
        var room = 0.0
        var load = 0.0
        for (rank, model) in order.enumerated() {
            poured += routed[model]
            room += free[model]
            load = poured / room
            if rank + 1 < order.count, routed[order[rank + 1]] / free[order[rank + 1]] >= load { break }
        }
        var routes = Array(repeating: 0.0, count: routed.count)
        for model in order {
            routes[model] = max(0, load * free[model] - routed[model])
            routed[model] += routes[model]
        }
        return routes
    }
}
