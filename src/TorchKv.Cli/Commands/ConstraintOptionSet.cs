using System.CommandLine;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured;

namespace TorchKv.Cli.Commands;

/// <summary>
/// Which texts <c>generate</c> may write: one of a JSON schema, a regular expression, a grammar, a choice.
/// </summary>
internal sealed class ConstraintOptionSet
{
    private const long MaxFileBytes = 1 << 20;

    private readonly Option<string?> _schema = Values.Text(
        "--json-schema", "FILE", "the answer is JSON that this schema allows");
    private readonly Option<string?> _regex = Values.Text(
        "--regex", "PATTERN", "the whole answer matches this regular expression");
    private readonly Option<string?> _grammar = Values.Text(
        "--grammar", "FILE", "the answer matches the rule root of this grammar");
    private readonly Option<string[]> _choice = Values.Texts(
        "--choice", "TEXT", "the answer is one of these texts; repeatable");

    public IReadOnlyList<Option> All => [_schema, _regex, _grammar, _choice];

    /// <summary>The first of the options that is given; null: none.</summary>
    public string? Given(ParseResult parsed) => GivenNames(parsed).FirstOrDefault();

    /// <summary>What the answers may be; null: any text.</summary>
    /// <exception cref="UsageException">Two options are given, or a file cannot be read.</exception>
    public TokenConstraint? Read(ParseResult parsed)
    {
        string[] given = [.. GivenNames(parsed)];
        if (given.Length > 1)
        {
            throw new UsageException($"{given[0]} and {given[1]} both say what the answer may be; give one of them.");
        }

        return given.FirstOrDefault() switch
        {
            null => null,
            "--json-schema" => TokenConstraint.JsonSchema(ReadFile("--json-schema", parsed.GetValue(_schema)!)),
            "--regex" => TokenConstraint.Regex(parsed.GetValue(_regex)!),
            "--grammar" => TokenConstraint.Grammar(ReadFile("--grammar", parsed.GetValue(_grammar)!)),
            _ => TokenConstraint.Choice(parsed.GetValue(_choice)!),
        };
    }

    private IEnumerable<string> GivenNames(ParseResult parsed) =>
        All.Where(option => parsed.GetResult(option) is { Implicit: false }).Select(option => option.Name);

    private static string ReadFile(string option, string path)
    {
        try
        {
            var length = path.Length > 0 ? new FileInfo(path).Length : 0;
            return length <= MaxFileBytes
                ? CliConsole.ReadFile(path)
                : throw new UsageException($"{option}: {path} has {length} bytes; {MaxFileBytes} are the most.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{option}: {error.Message}");
        }
    }
}
