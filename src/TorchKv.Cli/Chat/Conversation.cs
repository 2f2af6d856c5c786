using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Chat;

/// <summary>
/// The branches of a conversation, with the position of each turn. Each branch is a session of the engine, and the
/// sessions share the KV blocks of the text that they have in common.
/// </summary>
internal sealed class Conversation(Engine engine) : IAsyncDisposable
{
    /// <summary>The most branches of one conversation.</summary>
    public const int MostBranches = 1000;

    private const string FirstName = "main";

    private readonly SortedDictionary<string, Branch> _branches = new(StringComparer.Ordinal)
    {
        [FirstName] = new Branch(engine.StartSession(), []),
    };

    /// <summary>The name of the current branch, which the next line continues.</summary>
    public string Name { get; private set; } = FirstName;

    public Branch Current => _branches[Name];

    public IReadOnlyDictionary<string, Branch> Branches => _branches;

    /// <summary>The conversation in the form that a file holds.</summary>
    public ConversationContent Content => new(
        Name,
        _branches.ToDictionary(
            branch => branch.Key, branch => new BranchContent(branch.Value.Session.TokenIds, [.. branch.Value.Turns])));

    /// <summary>Copies the current branch under a new name, and makes the copy the current one.</summary>
    public async Task ForkAsync(string name)
    {
        if (_branches.Count == MostBranches)
        {
            throw new TorchKvException($"there are {MostBranches} branches already.");
        }

        if (_branches.ContainsKey(name))
        {
            throw new TorchKvException($"there is a branch '{name}' already; /switch {name} goes there.");
        }

        _branches.Add(name, new Branch(await Current.Session.ForkAsync().ConfigureAwait(false), [.. Current.Turns]));
        Name = name;
    }

    /// <summary>Makes another branch the current one.</summary>
    public void Switch(string name) => Name = _branches.ContainsKey(name)
        ? name
        : throw new TorchKvException($"there is no branch '{name}'; there are {string.Join(", ", _branches.Keys)}.");

    /// <summary>Removes the last turns, the user's lines and the model's answers.</summary>
    public async Task RewindAsync(int turns)
    {
        var (session, starts) = Current;
        if (turns < 1 || turns > starts.Count)
        {
            throw new TorchKvException(
                $"{turns} turns cannot be taken back; there {(starts.Count == 1 ? "is 1" : $"are {starts.Count}")}.");
        }

        await session.RewindAsync(starts[^turns]).ConfigureAwait(false);
        starts.RemoveRange(starts.Count - turns, turns);
    }

    /// <summary>Removes all turns of the current branch.</summary>
    public async Task RestartAsync()
    {
        await Current.Session.RewindAsync(0).ConfigureAwait(false);
        Current.Turns.Clear();
    }

    /// <summary>Replaces this conversation by a saved one.</summary>
    /// <param name="content">What was saved of it.</param>
    /// <param name="restored">The current branch's session, if its keys and values were saved too.</param>
    public async Task ReplaceAsync(ConversationContent content, Session? restored)
    {
        var replaced = _branches.Values.Select(branch => branch.Session).ToList();
        var branches = content.Branches.ToDictionary(
            branch => branch.Key,
            branch => new Branch(
                branch.Key == content.Current && restored is not null
                    ? restored
                    : engine.StartSession(branch.Value.Ids),
                [.. branch.Value.Turns]));
        _branches.Clear();
        foreach (var (name, branch) in branches)
        {
            _branches.Add(name, branch);
        }

        Name = content.Current;
        foreach (var session in replaced)
        {
            await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var branch in _branches.Values)
        {
            await branch.Session.DisposeAsync().ConfigureAwait(false);
        }
    }
}
