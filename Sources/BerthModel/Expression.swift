/// A small expression over attributes: `16 * 2^qubits`, `node.label.zone == 'b' and cpu.isa has 'avx512f'`.
///
/// Operators from weakest to strongest: `or` (`||`), `and` (`&&`), `not` (`!`), comparisons (`== != < <= > >= has`),
/// `+ -`, `* /`, unary `-`, `^` (to the right). Literals are numbers, sizes (`64GiB`), texts in single or double
/// quotes, `true` and `false`; a name may have dots. An attribute that a node or device does not have makes every
/// comparison with it false, and every sum with it unknown.
public struct Expression: Hashable, Sendable {
    /// As it was written.
    public let text: String
    private let root: Term

    /// Reads an expression.
    ///
    /// - Throws: what is wrong and at which character, if it is none. Texts over 4,096 bytes or nested deeper than 64
    ///   are refused, since they come from outside.
    public init(_ text: String) throws(ExpressionError) {
        guard text.utf8.count <= 4096 else {
            throw ExpressionError(
                text: String(text.prefix(40)) + "…", position: 4096, problem: "it is over 4,096 bytes")
        }
        self.text = text
        var parser = try ExpressionParser(text)
        root = try parser.wholeExpression()
    }

    /// The names that stand in it, sorted.
    public var names: [String] {
        var found: Set<String> = []
        root.collectNames(into: &found)
        return found.sorted()
    }

    /// Its value, or nil where an attribute is missing or the types do not go together.
    public func value(_ attribute: (String) -> AttributeValue?) -> AttributeValue? { root.value(attribute) }

    /// Whether it holds; false where it has no value.
    public func holds(_ attribute: (String) -> AttributeValue?) -> Bool { root.value(attribute) == .flag(true) }

    indirect enum Term: Hashable, Sendable {
        case literal(AttributeValue)
        case name(String)
        case negation(Term)
        case not(Term)
        case binary(Operator, Term, Term)

        func collectNames(into names: inout Set<String>) {
            switch self {
            case .literal: break
            case .name(let name): names.insert(name)
            case .negation(let term), .not(let term): term.collectNames(into: &names)
            case .binary(_, let left, let right):
                left.collectNames(into: &names)
                right.collectNames(into: &names)
            }
        }

        func value(_ attribute: (String) -> AttributeValue?) -> AttributeValue? {
            switch self {
            case .literal(let value): return value
            case .name(let name): return attribute(name)
            case .negation(let term):
                guard case .number(let number) = term.value(attribute) else { return nil }
                return .number(-number)
            case .not(let term):
                guard case .flag(let flag) = term.value(attribute) else { return .flag(true) }
                return .flag(!flag)
            case .binary(.or, let left, let right):
                return .flag(left.value(attribute) == .flag(true) || right.value(attribute) == .flag(true))
            case .binary(.and, let left, let right):
                return .flag(left.value(attribute) == .flag(true) && right.value(attribute) == .flag(true))
            case .binary(let operation, let left, let right):
                guard let left = left.value(attribute), let right = right.value(attribute) else {
                    return operation.isComparison ? .flag(false) : nil
                }
                return operation.applied(left, right)
            }
        }
    }

    enum Operator: String, Hashable, Sendable {
        case or, and
        case equal = "=="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case has
        case plus = "+"
        case minus = "-"
        case times = "*"
        case over = "/"
        case power = "^"

        var isComparison: Bool {
            switch self {
            case .equal, .unequal, .less, .lessOrEqual, .greater, .greaterOrEqual, .has: true
            default: false
            }
        }

        /// How tightly it binds; a higher number binds first.
        var strength: Int {
            switch self {
            case .or: 1
            case .and: 2
            case .equal, .unequal, .less, .lessOrEqual, .greater, .greaterOrEqual, .has: 4
            case .plus, .minus: 5
            case .times, .over: 6
            case .power: 8
            }
        }

        func applied(_ left: AttributeValue, _ right: AttributeValue) -> AttributeValue? {
            switch (self, left, right) {
            case (.equal, _, _): .flag(left == right)
            case (.unequal, _, _): .flag(left != right)
            case (.has, .list(let items), .text(let item)): .flag(items.contains(item))
            case (.has, .text(let text), .text(let part)): .flag(text.contains(part))
            case (_, .number(let left), .number(let right)): applied(left, right)
            case (_, .text(let left), .text(let right)) where isComparison: applied(left, right)
            default: isComparison ? .flag(false) : nil
            }
        }

        private func applied(_ left: Double, _ right: Double) -> AttributeValue? {
            switch self {
            case .plus: .number(left + right)
            case .minus: .number(left - right)
            case .times: .number(left * right)
            case .over: .number(left / right)
            case .power: .number(Self.power(left, right))
            default: compared(left, right)
            }
        }

        private func applied(_ left: String, _ right: String) -> AttributeValue? { compared(left, right) }

        private func compared<Value: Comparable>(_ left: Value, _ right: Value) -> AttributeValue? {
            switch self {
            case .less: .flag(left < right)
            case .lessOrEqual: .flag(left <= right)
            case .greater: .flag(left > right)
            case .greaterOrEqual: .flag(left >= right)
            default: nil
            }
        }

        /// Powers with a whole exponent, by squaring; not a number for any other exponent.
        private static func power(_ base: Double, _ exponent: Double) -> Double {
            guard exponent == exponent.rounded(), abs(exponent) <= 4096 else { return .nan }
            var result = 1.0
            var factor = base
            var rest = Int(abs(exponent))
            while rest > 0 {
                if rest & 1 == 1 { result *= factor }
                factor *= factor
                rest >>= 1
            }
            return exponent < 0 ? 1 / result : result
        }
    }
}

extension Expression: Codable, CustomStringConvertible {
    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }
    public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }
    public var description: String { text }
}

/// Why a text is no expression.
public struct ExpressionError: Error, Equatable, CustomStringConvertible {
    public let text: String
    /// Characters before the problem.
    public let position: Int
    public let problem: String

    public var description: String { "\"\(text)\" is no expression: \(problem), at character \(position + 1)." }
}

/// How many bytes of host memory a device's job takes, from the request's attributes: `16 * 2^qubits`.
public struct MemoryRule: Hashable, Sendable, Codable, CustomStringConvertible {
    public let expression: Expression

    public init(_ text: String) throws(ExpressionError) { expression = try Expression(text) }
    public init(from decoder: any Decoder) throws { expression = try Expression(from: decoder) }
    public func encode(to encoder: any Encoder) throws { try expression.encode(to: encoder) }
    public var description: String { expression.text }

    /// The bytes for a request with these attributes; nil where one is missing or the result is no possible size.
    public func bytes(for attributes: [String: AttributeValue]) -> Int64? {
        guard case .number(let bytes) = expression.value({ attributes[$0] }), bytes.isFinite, bytes >= 0, bytes < 9.2e18
        else { return nil }
        return Int64(bytes.rounded(.up))
    }
}
