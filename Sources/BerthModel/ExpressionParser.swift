/// Reads expressions by precedence climbing.
struct ExpressionParser {
    private enum Token: Equatable {
        case literal(AttributeValue)
        case name(String)
        case operation(Expression.Operator)
        case not, open, close, end
    }

    private let text: String
    private let characters: [Character]
    private var position = 0
    private var tokenStart = 0
    private var token = Token.end
    private var depth = 0

    init(_ text: String) throws(ExpressionError) {
        self.text = text
        characters = Array(text)
        try advance()
    }

    mutating func wholeExpression() throws(ExpressionError) -> Expression.Term {
        let term = try expression(strongerThan: 0)
        guard token == .end else { throw failure("nothing more is expected here") }
        return term
    }

    private mutating func expression(strongerThan limit: Int) throws(ExpressionError) -> Expression.Term {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 64 else { throw failure("it is nested deeper than 64") }
        var left = try operand()
        while case .operation(let operation) = token, operation.strength > limit {
            try advance()
            let right = try expression(strongerThan: operation == .power ? operation.strength - 1 : operation.strength)
            left = .binary(operation, left, right)
        }
        return left
    }

    private mutating func operand() throws(ExpressionError) -> Expression.Term {
        let (start, place) = (token, tokenStart)
        try advance()
        switch start {
        case .literal(let value): return .literal(value)
        case .name(let name): return .name(name)
        case .not: return .not(try expression(strongerThan: 3))
        case .operation(.minus): return .negation(try expression(strongerThan: 7))
        case .open:
            let inner = try expression(strongerThan: 0)
            guard token == .close else { throw failure("a \")\" is missing") }
            try advance()
            return inner
        case .end: throw failure("it ends where a value is expected")
        default: throw failure("a value is expected", at: place)
        }
    }

    /// - Parameter place: where it goes wrong; nil for the present token.
    private func failure(_ problem: String, at place: Int? = nil) -> ExpressionError {
        ExpressionError(text: text, position: place ?? tokenStart, problem: problem)
    }

    private mutating func advance() throws(ExpressionError) {
        while position < characters.count, characters[position].isWhitespace { position += 1 }
        tokenStart = position
        guard position < characters.count else {
            token = .end
            return
        }
        let character = characters[position]
        if character == "'" || character == "\"" {
            token = try quoted(character)
        } else if character.isASCII, character.isNumber {
            token = try number()
        } else if character.isLetter || character == "_" {
            token = word()
        } else {
            token = try sign()
        }
    }

    private mutating func quoted(_ quote: Character) throws(ExpressionError) -> Token {
        guard let end = characters[(position + 1)...].firstIndex(of: quote) else {
            throw failure("the closing \(quote) is missing")
        }
        let inner = String(characters[(position + 1)..<end])
        position = end + 1
        return .literal(.text(inner))
    }

    private mutating func number() throws(ExpressionError) -> Token {
        let digits = take { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = take { $0.isLetter }
        if let number = Double(digits), unit.isEmpty { return .literal(.number(number)) }
        if let bytes = ByteCount.parse(digits + unit) { return .literal(.number(Double(bytes))) }
        throw failure("\"\(digits + unit)\" is neither a number nor a size")
    }

    private mutating func word() -> Token {
        let word = take { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." || $0 == "-" }
        return switch word {
        case "and": .operation(.and)
        case "or": .operation(.or)
        case "has": .operation(.has)
        case "not": .not
        case "true": .literal(.flag(true))
        case "false": .literal(.flag(false))
        default: .name(word)
        }
    }

    private mutating func sign() throws(ExpressionError) -> Token {
        let pair = String(characters[position..<min(position + 2, characters.count)])
        let doubled: [String: Token] = [
            "==": .operation(.equal), "!=": .operation(.unequal), "<=": .operation(.lessOrEqual),
            ">=": .operation(.greaterOrEqual), "&&": .operation(.and), "||": .operation(.or),
        ]
        if let token = doubled[pair] {
            position += 2
            return token
        }
        let single: [Character: Token] = [
            "<": .operation(.less), ">": .operation(.greater), "+": .operation(.plus), "-": .operation(.minus),
            "*": .operation(.times), "/": .operation(.over), "^": .operation(.power), "!": .not, "(": .open,
            ")": .close,
        ]
        guard let token = single[characters[position]] else {
            throw failure("\"\(characters[position])\" means nothing here")
        }
        position += 1
        return token
    }

    private mutating func take(while belongs: (Character) -> Bool) -> String {
        let start = position
        while position < characters.count, belongs(characters[position]) { position += 1 }
        return String(characters[start..<position])
    }
}
