namespace TorchKv.Structured.Masks;

/// <summary>What a lexer's state says about the tokens, whatever the row.</summary>
/// <param name="Tokens">The tokens with which the current terminals can go on, or end at the token's end.</param>
/// <param name="Exits">Where a terminal may end inside tokens, by the set of terminals that end.</param>
internal sealed record LexerMask(TokenSet Tokens, LexerExits[] Exits)
{
    /// <summary>Bytes that it takes.</summary>
    public long Bytes => 96 + Tokens.Bytes + Exits.Sum(exits => 64 + (4L * exits.PlainNodes.Length) + (4L * exits.RestNodes.Length));
}
