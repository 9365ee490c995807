/// One step's equations of `MakespanProgram`: (A D Aᵀ) y = r with positive weights D.
///
/// A job's two rows touch only its own variables and the types. They are eliminated job by job: first the row of its
/// parts, by pairwise differences between types, whose terms are all positive and so never cancel; then the row of
/// its time. What is left ties the types and the horizon, whose column, as it fills every row, stays an unknown.
struct MakespanNormalSystem {
    /// A job's equations after elimination.
    private struct Block {
        /// Σ d over the types.
        var sum: Double
        /// Mean time on a type, weighed by d.
        var meanTime: Double
        /// The row of the job's time, on its diagonal.
        var pivot: Double
    }

    private let types: Int
    private var blocks: [Block] = []
    /// By job and type: d · load / Σ d, and the time row's tie to the type.
    private var parts: [Double] = []
    private var ties: [Double] = []
    /// Symmetric, by types and then the horizon.
    private var core: SquareMatrix

    /// - Parameters:
    ///   - typeSlacks: weights of the slacks of the types' rows.
    ///   - horizon: weight of the horizon.
    init(jobs: Int, typeSlacks: [Double], horizon: Double) {
        types = typeSlacks.count
        core = SquareMatrix(count: types + 1)
        for type in 0..<types {
            core[type, type] = typeSlacks[type]
            core[type, types] = -1
            core[types, type] = -1
        }
        core[types, types] = -1 / horizon
        blocks.reserveCapacity(jobs)
        parts.reserveCapacity(jobs * types)
        ties.reserveCapacity(jobs * types)
    }

    /// Adds the next job: weights, times and loads by type, and the weight of its slack to the horizon.
    mutating func eliminate(
        weights: ArraySlice<Double>, times: ArraySlice<Double>, loads: ArraySlice<Double>, slack: Double
    ) {
        let (w, t, q) = (weights.startIndex, times.startIndex, loads.startIndex)
        let sum = weights.reduce(0, +)
        var block = Block(sum: sum, meanTime: 0, pivot: slack)
        let firstTie = ties.count
        for type in 0..<types {
            block.meanTime += weights[w + type] * times[t + type] / sum
            parts.append(weights[w + type] * loads[q + type] / sum)
            ties.append(0)
        }
        for type in 0..<types {
            for other in 0..<type {
                let weight = weights[w + type] * weights[w + other] / sum
                let (mine, its) = (loads[q + type], loads[q + other])
                let gap = times[t + type] - times[t + other]
                block.pivot += weight * gap * gap
                ties[firstTie + type] += weight * gap * mine
                ties[firstTie + other] -= weight * gap * its
                core[type, type] += weight * mine * mine
                core[other, other] += weight * its * its
                core[type, other] -= weight * mine * its
                core[other, type] -= weight * mine * its
            }
        }
        for row in 0...types {
            let tie = row == types ? -1 : ties[firstTie + row]
            for column in 0...types {
                core[row, column] -= tie * (column == types ? -1 : ties[firstTie + column]) / block.pivot
            }
        }
        blocks.append(block)
    }

    /// - Parameter right: the rows of the jobs' parts, those of their times, and those of the types.
    /// - Returns: the unknowns in the same order.
    func solve(_ right: [Double]) -> [Double] {
        let jobs = blocks.count
        var coreRight = Array(right[(2 * jobs)...]) + [0]
        for (job, block) in blocks.enumerated() {
            let time = (right[jobs + job] - block.meanTime * right[job]) / block.pivot
            for type in 0..<types {
                coreRight[type] -= parts[job * types + type] * right[job] + ties[job * types + type] * time
            }
            coreRight[types] += time
        }
        let coreSolution = core.solve(coreRight)
        var solution = Array(repeating: 0.0, count: 2 * jobs) + coreSolution.dropLast()
        for (job, block) in blocks.enumerated() {
            var time = right[jobs + job] - block.meanTime * right[job] + coreSolution[types]
            var part = right[job] / block.sum
            for type in 0..<types {
                time -= ties[job * types + type] * coreSolution[type]
                part -= parts[job * types + type] * coreSolution[type]
            }
            solution[jobs + job] = time / block.pivot
            solution[job] = part - block.meanTime * solution[jobs + job]
        }
        return solution
    }
}

/// A small dense matrix, row by row.
struct SquareMatrix {
    private let count: Int
    private var entries: [Double]

    init(count: Int) {
        self.count = count
        entries = Array(repeating: 0, count: count * count)
    }

    subscript(row: Int, column: Int) -> Double {
        get { entries[row * count + column] }
        set { entries[row * count + column] = newValue }
    }

    /// Solves by Gaussian elimination with the largest pivot of each column.
    func solve(_ right: [Double]) -> [Double] {
        var (matrix, right) = (self, right)
        for column in 0..<count {
            let pivot = (column..<count).max { abs(matrix[$0, column]) < abs(matrix[$1, column]) } ?? column
            for k in 0..<count {
                (matrix[column, k], matrix[pivot, k]) = (matrix[pivot, k], matrix[column, k])
            }
            right.swapAt(column, pivot)
            for row in column + 1..<count {
                let factor = matrix[row, column] / matrix[column, column]
                for k in column..<count { matrix[row, k] -= factor * matrix[column, k] }
                right[row] -= factor * right[column]
            }
        }
        for row in (0..<count).reversed() {
            for k in row + 1..<count { right[row] -= matrix[row, k] * right[k] }
            right[row] /= matrix[row, row]
        }
        return right
    }
}
