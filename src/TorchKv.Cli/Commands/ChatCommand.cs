using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Commands;

/// <summary>Turn by turn over the prefix cache: a turn costs its new tokens.</summary>
internal sealed class ChatCommand : CliCommand
{
    public const string CommandName = "chat";

    private const string Commands = """
        /cache           what the cache holds, and what the turns have cost
        /rewind [N]      takes back the last turn, or the last N
        /fork NAME       goes on in a copy; the other branch stays as it is
        /switch NAME     goes to another branch; /branches lists them
        /save FILE       writes every branch, and this one's keys and values to FILE.kv
        /load FILE       reads what /save wrote; the model must be the same
        /new             begins again
        /exit            ends (so does the end of the input)
        """;

    private readonly GenerationOptionSet _generation = new();
    private readonly ModelOptions _model = new();
    private readonly Option<string?> _session = Values.OutputFile("--session", "FILE", "goes on from a saved conversation, and saves it at the end");

    public ChatCommand(CliConsole console)
        : base(console, CommandName, "A story or conversation turn by turn; a turn costs its new tokens only.")
    {
        AddGroup("Conversation", _session);
        AddGroup("Length", [.. _generation.Length]);
        AddGroup("Sampling (none of these: the best token always)", [.. _generation.Sampling]);
        AddGroup("Model (on the CPU runner)", [.. _model.All]);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv chat --temperature 0.8 --top-p 0.95", "tell a story together"),
        ("torchkv chat --session story.chat", "go on where you stopped"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "A line is added to the text, and the model goes on from there. A line that begins with / is a command; /help lists them. Each branch keeps its blocks of keys and values between turns, and branches share what they have in common. A conversation is saved with them: where FILE.kv is damaged or not there, they are computed again.",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = _generation.Read(parsed);
        var request = _model.Read(parsed);
        if (request.Runner is RunnerKind.Torch)
        {
            throw new UsageException("chat runs on the CPU runner, whose prefix cache it shows; leave out --runner torch and --device cuda.");
        }

        if (ModelLoader.Load(request with { Runner = RunnerKind.Cpu }, new CacheChoice(CacheKinds.Static, null), Console, cancellationToken) is not RunnerLanguageModel model)
        {
            throw new InvalidOperationException("The CPU runner was asked for.");
        }

        await using (model.ConfigureAwait(false))
        {
            var tokenizer = model.Tokenizer ?? throw new TorchKvException($"{request.Directory} has no tokenizer (vocab.json and merges.txt), so there is nothing to talk with.");
            var session = parsed.GetValue(_session);
            model.Identity = $"{Fingerprint(request.Directory)} {request.Dtype}";
            var chat = new Chat(Console, model, tokenizer, options);
            await using (chat.ConfigureAwait(false))
            {
                if (session is not null && File.Exists(session))
                {
                    await chat.LoadAsync(session).ConfigureAwait(false);
                }

                await chat.RunAsync(cancellationToken).ConfigureAwait(false);
                if (session is not null)
                {
                    await chat.SaveAsync(session).ConfigureAwait(false);
                }
            }
        }

        return ExitCodes.Done;
    }

    /// <summary>SHA-256 over configuration and weights: a conversation belongs to the model that it was had with.</summary>
    private static string Fingerprint(string directory)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (var file in Directory.EnumerateFiles(directory, "*.safetensors").Append(Path.Combine(directory, "config.json")).Order(StringComparer.Ordinal))
        {
            using var stream = File.OpenRead(file);
            for (var read = stream.Read(buffer); read > 0; read = stream.Read(buffer))
            {
                hash.AppendData(buffer, 0, read);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private sealed class Chat(CliConsole console, RunnerLanguageModel model, Gpt2Tokenizer tokenizer, GenerationOptions options) : IAsyncDisposable
    {
        private readonly Conversation _conversation = new();
        private readonly Dictionary<string, Session> _sessions = [];
        private long _promptTokens;
        private long _cachedTokens;
        private int _turns;

        public async Task LoadAsync(string path)
        {
            _conversation.Load(path, model.Identity!, model.Config.VocabSize, model.Config.ContextLength);
            await DisposeAsync().ConfigureAwait(false);
            var ids = _conversation.Current.Ids;
            if (ids.Count > 0 && File.Exists(path + ".kv"))
            {
                var session = await model.Engine.RestoreSessionAsync(path + ".kv", ids).ConfigureAwait(false);
                if (session.RestoreFailure is { } failure)
                {
                    console.Warn($"{failure.Message} Keys and values are computed again.");
                }

                // A file of another conversation with the same model is no mistake that a checksum finds.
                if (session.TokenIds.SequenceEqual(ids))
                {
                    _sessions[_conversation.Name] = session;
                }
                else
                {
                    await session.DisposeAsync().ConfigureAwait(false);
                }
            }

            Note($"{path}: branch {_conversation.Name}, {_conversation.Current.Turns.Count} turns, {ids.Count} tokens");
            ShowText();
        }

        public async Task SaveAsync(string path)
        {
            _conversation.Save(path, model.Identity!);
            if (_sessions.TryGetValue(_conversation.Name, out var session))
            {
                await session.SaveAsync(path + ".kv").ConfigureAwait(false);
            }

            Note($"saved to {path}");
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var session in _sessions.Values)
            {
                await session.DisposeAsync().ConfigureAwait(false);
            }

            _sessions.Clear();
        }

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            Note("a line goes on with the text; /help lists commands, /exit ends");
            var input = console.OpenInput();
            while (true)
            {
                if (console.InIsTerminal && console.ErrorIsTerminal)
                {
                    await console.Error.WriteAsync(console.ErrorStyle.Cyan("> ")).ConfigureAwait(false);
                }

                // A terminal's read cannot be cancelled: it is left behind.
                if (await Task.Run(input.ReadLine, CancellationToken.None).WaitAsync(cancellationToken).ConfigureAwait(false) is not { } line || line.Trim() is "/exit" or "/quit")
                {
                    return;
                }

                try
                {
                    if (line.StartsWith('/'))
                    {
                        await ObeyAsync(line).ConfigureAwait(false);
                    }
                    else if (line.Trim().Length > 0)
                    {
                        await TurnAsync(line, cancellationToken).ConfigureAwait(false);
                    }
                }
                catch (Exception error) when (error is TorchKvException or IOException or UnauthorizedAccessException)
                {
                    // A turn that cannot be had leaves the conversation as it was.
                    await console.Error.WriteLineAsync($"torchkv: {console.ErrorStyle.Red(error.Message)}").ConfigureAwait(false);
                }
            }
        }

        private async Task TurnAsync(string line, CancellationToken cancellationToken)
        {
            var (ids, turns) = _conversation.Current;
            var said = tokenizer.Encode(ids.Count > 0 ? "\n" + line : line);
            if (ids.Count + said.Count >= model.Config.ContextLength)
            {
                throw new TorchKvException($"{ids.Count} tokens so far + {said.Count} new leave no room in the context of {model.Config.ContextLength}; /rewind, or begin again with /new.");
            }

            var session = await SessionAsync(ids).ConfigureAwait(false);
            IReadOnlyList<int> prompt = session.TokenIds.Count == ids.Count ? said : [.. ids, .. said];
            var made = new List<int>();
            var start = Stopwatch.GetTimestamp();
            TimeSpan? first = null;
            Usage usage = default;
            var wrap = new WordWrap(console.Out, console.OutIsTerminal ? console.Width : int.MaxValue);
            await foreach (var piece in session.ContinueAsync(prompt, options, cancellationToken).ConfigureAwait(false))
            {
                first ??= Stopwatch.GetElapsedTime(start);
                made.AddRange(piece.TokenIds);
                usage = piece.Usage ?? usage;
                wrap.Write(piece.Text);
                await console.Out.FlushAsync(cancellationToken).ConfigureAwait(false);
            }

            wrap.Finish();
            await console.Out.FlushAsync(cancellationToken).ConfigureAwait(false);
            turns.Add(ids.Count);
            ids.AddRange(said);
            ids.AddRange(made);
            _turns++;
            _promptTokens += usage.PromptTokens;
            _cachedTokens += usage.CachedTokens;
            Note(string.Create(CultureInfo.InvariantCulture, $"{usage.PromptTokens} tokens before it, {usage.CachedTokens} of them cached; the first token after {first?.TotalMilliseconds:F0} ms"));
        }

        /// <summary>The branch's session; a new one where it has none, or one that is not where the branch is.</summary>
        private async Task<Session> SessionAsync(List<int> ids)
        {
            if (_sessions.TryGetValue(_conversation.Name, out var session))
            {
                if (session.TokenIds.Count == ids.Count)
                {
                    return session;
                }

                await session.DisposeAsync().ConfigureAwait(false);
            }

            return _sessions[_conversation.Name] = model.Engine.StartSession();
        }

        private async Task ObeyAsync(string line)
        {
            var parts = line.Split(' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var argument = parts.Length > 1 ? parts[1] : "";
            switch (parts[0])
            {
                case "/help":
                    console.Out.WriteLine(Commands);
                    break;
                case "/cache":
                    ShowCache();
                    break;
                case "/rewind":
                    var turns = 1;
                    if (argument.Length > 0 && !int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out turns))
                    {
                        throw new TorchKvException($"/rewind takes a number of turns, not '{Values.Shorten(argument)}'.");
                    }

                    _conversation.Rewind(turns);
                    if (_sessions.TryGetValue(_conversation.Name, out var rewound))
                    {
                        await rewound.RewindAsync(Math.Min(_conversation.Current.Ids.Count, rewound.TokenIds.Count)).ConfigureAwait(false);
                    }

                    ShowText();
                    break;
                case "/fork":
                    var from = _conversation.Name;
                    _conversation.Fork(Name(argument));
                    if (_sessions.TryGetValue(from, out var forked))
                    {
                        _sessions[_conversation.Name] = await forked.ForkAsync().ConfigureAwait(false);
                    }

                    break;
                case "/switch":
                    _conversation.Switch(Name(argument));
                    ShowText();
                    break;
                case "/branches":
                    foreach (var (name, branch) in _conversation.Branches)
                    {
                        console.Out.WriteLine($"{(name == _conversation.Name ? "*" : " ")} {name}  {branch.Turns.Count} turns, {branch.Ids.Count} tokens");
                    }

                    break;
                case "/save":
                    await SaveAsync(Name(argument)).ConfigureAwait(false);
                    break;
                case "/load":
                    await LoadAsync(Name(argument)).ConfigureAwait(false);
                    break;
                case "/new":
                    _conversation.Current.Ids.Clear();
                    _conversation.Current.Turns.Clear();
                    break;
                default:
                    throw new TorchKvException($"there is no command {Values.Shorten(parts[0])}; /help lists them.");
            }

            await console.Out.FlushAsync().ConfigureAwait(false);
        }

        private void ShowCache()
        {
            var stats = model.Engine.Stats;
            var share = _promptTokens > 0 ? 100.0 * _cachedTokens / _promptTokens : 0;
            console.Out.WriteLine(PoolBar.Line(stats, console.OutStyle));
            console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_turns} turns took {_promptTokens} tokens of context, {_cachedTokens} ({share:F0} %) from the cache"));
        }

        private void ShowText()
        {
            var wrap = new WordWrap(console.Out, console.OutIsTerminal ? console.Width : int.MaxValue);
            wrap.Write(tokenizer.Decode(_conversation.Current.Ids));
            wrap.Finish();
            console.Out.Flush();
        }

        private void Note(string text)
        {
            if (console.ErrorIsTerminal)
            {
                console.Error.WriteLine(console.ErrorStyle.Dim(text));
            }
        }

        private static string Name(string argument) => argument.Length > 0 ? argument : throw new TorchKvException("a name is missing; /help shows where.");
    }
}
