using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Matching;

namespace TorchKv.Structured.Tests;

[Trait("speed", "fast")]
public sealed class GrammarParserTests
{
    private const string Json = """
        # JSON, with blanks
        root   ::= value ws
        value  ::= ws (object | array | string | number | "true" | "false" | "null")
        object ::= "{" ws (member ("," member)*)? ws "}"
        member ::= ws string ws ":" value ws
        array  ::= "[" (value ws ("," value ws)*)? ws "]"
        string ::= "\"" ([^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
        number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [+\-]? [0-9]+)?
        ws     ::= [ \t\n\r]*
        """;

    private static readonly ListVocabulary Bytes = new(Enumerable.Range(0, 256).Select(value => new[] { (byte)value }));

    [Theory]
    [InlineData("""{"a": [1, -2.5e+3, {}], "b\u00e9\"": "😀 \n"}""", true)]
    [InlineData("[[[[]]]]", true)]
    [InlineData("  true ", true)]
    [InlineData("[1,]", false)]
    [InlineData("01", false)]
    [InlineData("{\"a\" 1}", false)]
    [InlineData("\"\n\"", false)]
    [InlineData("[[]", false)]
    public void ReadsJsonsGrammar(string text, bool expected) => Assert.Equal(expected, Accepts(Json, text));

    [Theory]
    [InlineData("root ::= \"a\" root \"b\" | \"\"", "aaabbb", true)]
    [InlineData("root ::= \"a\" root \"b\" | \"\"", "aaabb", false)]
    [InlineData("root ::= root \"+\" root | [0-9]", "1+2+3", true)]
    [InlineData("root ::= x{2,3} y\nx ::= \"ab\" y?\ny ::= .", "ababzab!", true)]
    [InlineData("root ::= [\\]\\-a-c^]+", "]-b^", true)]
    [InlineData("root ::= [^a-c]", "b", false)]
    [InlineData("root ::= \"\\x41\\u00e9\\U0001F600\"", "Aé😀", true)]
    [InlineData("root ::= (\"a\"\n | # or\n \"b\")\n other ::= \"c\"", "b", true)]
    [InlineData("root ::= \"a\"{,2}", "aaa", false)]
    public void ReadsTheSyntax(string grammar, string text, bool expected) => Assert.Equal(expected, Accepts(grammar, text));

    [Theory]
    [InlineData("root ::= \"a\"\nx ::= y", "line 2, column 7", "y")]
    [InlineData("root ::= \"a", "line 1, column 10", "\"")]
    [InlineData("root ::= [a", "line 1, column 10", "[")]
    [InlineData("root ::= (\"a\"", "line 1, column 10", "(")]
    [InlineData("root ::= \"a\")", "line 1, column 13", ")")]
    [InlineData("root ::= [b-a]", "line 1, column 10", "[")]
    [InlineData("root ::= \"a\"{3,1}", "line 1, column 13", "{")]
    [InlineData("root ::= \"a\"{x}", "line 1, column 13", "{")]
    [InlineData("root ::= \"\\q\"", "line 1, column 11", "\\")]
    [InlineData("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1", "root")]
    [InlineData("a ::= \"a\"", "line 1, column 1", "root")]
    [InlineData("root = \"a\"", "line 1, column 1", "::=")]
    [InlineData("root ::= *", "line 1, column 10", "*")]
    [InlineData("", "line 1, column 1", "root")]
    public void AnErrorNamesLineAndColumn(string grammar, string place, string keyword)
    {
        var error = Assert.Throws<ConstraintException>(() => Compile(grammar));
        Assert.Equal((place, keyword), (error.Pointer, error.Keyword));
        Assert.Contains(place, error.Message);
    }

    [Fact]
    public void AGrammarWithoutATextIsRefused()
        => Assert.Equal("empty language", Assert.Throws<ConstraintException>(() => Compile("root ::= \"a\" root")).Keyword);

    [Fact]
    public void DeepGroupsAreRefused()
        => Assert.Equal("depth", Assert.Throws<ConstraintException>(() => Compile("root ::= " + new string('(', 100_000))).Keyword);

    private static bool Accepts(string grammar, string text)
    {
        var matcher = Compile(grammar).NewMatcher();
        return Encoding.UTF8.GetBytes(text).All(value => matcher.TryAppend(value)) && matcher.CanEnd;
    }

    private static CompiledGrammar Compile(string grammar)
    {
        var budget = new WorkBudget(WorkLimits.Default);
        return new CompiledGrammar(new GrammarParser(grammar, budget).Parse(), Bytes, budget);
    }
}
