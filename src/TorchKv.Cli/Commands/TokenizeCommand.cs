using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Commands;

/// <summary>The command <c>tokenize</c>: turns text into token ids, or ids into text.</summary>
internal sealed class TokenizeCommand : CliCommand
{
    public const string CommandName = "tokenize";

    private readonly PromptOptions _prompt = new();
    private readonly Option<bool> _lines = Values.Flag(
        "--lines", "reads a JSON line {\"text\": …}, answers {\"ids\": […], \"decoded\": …}");
    private readonly Option<bool> _json = Values.Flag(
        "--json", "one JSON object on standard output (a line for each of --lines)");
    private readonly Option<string?> _model = Values.Folder(
        "--model", "DIR", $"the folder with vocab.json and merges.txt ({ModelOptions.DefaultModel})");

    public TokenizeCommand(CliConsole console)
        : base(console, CommandName, "Token ids of a text.")
    {
        Arguments.Add(_prompt.Dash);
        AddGroup("Text (standard input, where none is given)", [.. _prompt.All, _lines]);
        AddGroup("Model", _model);
        AddGroup("Output", _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv tokenize --prompt \"Once upon a time\"", "1,2,3: as --prompt-ids takes them"),
        ("torchkv tokenize --model weights/gpt2-vocab < story.txt", "GPT-2's own vocabulary"),
        ("torchkv tokenize --lines < texts.jsonl", "many texts, an answer a line"),
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var prompt = _prompt.Read(parsed, Console);
        if (prompt?.Ids is not null)
        {
            throw new UsageException("tokenize takes text: --prompt, --prompt-file, or standard input.");
        }

        var lines = parsed.GetValue(_lines);
        if (lines && prompt is not null)
        {
            throw new UsageException("--lines reads standard input; leave out the prompt.");
        }

        var tokenizer = Gpt2Tokenizer.Load(parsed.GetValue(_model) ?? ModelOptions.FindDefault());
        if (lines)
        {
            AnswerLines(tokenizer, cancellationToken);
        }
        else
        {
            var ids = tokenizer.Encode(prompt?.Text ?? Console.ReadAllInput());
            if (parsed.GetValue(_json))
            {
                Answer(tokenizer, ids);
            }
            else
            {
                Console.Out.WriteLine(string.Join(',', ids.Select(id => id.ToString(CultureInfo.InvariantCulture))));
            }
        }

        return Task.FromResult(ExitCodes.Done);
    }

    private void AnswerLines(Gpt2Tokenizer tokenizer, CancellationToken cancellationToken)
    {
        using var input = Console.OpenInput();
        while (input.ReadLine() is { } line)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!string.IsNullOrWhiteSpace(line))
            {
                Answer(tokenizer, tokenizer.Encode(ReadText(line, input.Number)));
            }
        }
    }

    private void Answer(Gpt2Tokenizer tokenizer, IReadOnlyList<int> ids) => Console.WriteJson(writer =>
    {
        GenerationJson.WriteIds(writer, "ids", ids);
        writer.WriteString("decoded", tokenizer.Decode(ids));
    });

    private static string ReadText(string line, int number)
    {
        try
        {
            using var json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 8 });
            if (json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("text", out var text)
                && text.ValueKind == JsonValueKind.String)
            {
                return text.GetString()!;
            }
        }
        catch (JsonException notJson)
        {
            throw new TorchKvException(
                $"standard input, line {number} is not JSON: {notJson.Message.Split('.')[0]}.", notJson);
        }
        catch (InvalidOperationException badText)
        {
            throw new TorchKvException(
                $"standard input, line {number}: the text is not valid ({badText.Message.Split('.')[0]}).", badText);
        }

        throw new TorchKvException(
            $"standard input, line {number} has to be an object with \"text\": {{\"text\": \"…\"}}.");
    }
}
