using System.Text.Json;
using TorchKv.Cli.Chat;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class ChatCommandTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    [Fact]
    public async Task ASecondTurnEqualsAFreshRunAndCostsLess()
    {
        string[] line = ["chat", "--model", s_storyteller, "--max-new-tokens", "40", "--eos-token-id", "none"];
        var chat = await WithInput("Once upon a time, there was a little\nThen a big dog came\n/cache\n", line);
        Assert.Equal((0, ""), (chat.ExitCode, chat.Error));
        var first = await Of(
            "generate",
            "--model",
            s_storyteller,
            "--prompt",
            "Once upon a time, there was a little",
            "--max-new-tokens",
            "40",
            "--eos-token-id",
            "none",
            "--json");
        Assert.StartsWith(first.Json.GetProperty("text").GetString() + "\n", chat.Out);
        var joined = "Once upon a time, there was a little" + first.Json.GetProperty("text").GetString()
            + "\nThen a big dog came";
        var second = await Of(
            "generate",
            "--model",
            s_storyteller,
            "--prompt",
            joined,
            "--max-new-tokens",
            "40",
            "--eos-token-id",
            "none",
            "--json");
        Assert.Contains(second.Json.GetProperty("text").GetString() + "\n", chat.Out);
        // 48 stored tokens are three whole blocks: the second turn finds them.
        Assert.Contains("48 (", chat.Out);
    }

    [Fact]
    public async Task RewindForkAndSwitchGoWhereTheySay()
    {
        var chat = await WithInput(
            "Once upon a time\n/fork other\nA cat came\n/branches\n/rewind\n/switch main\n/rewind "
            + "2\n/nonsense\n/exit\nnever\n",
            "chat", "--model", s_storyteller, "--max-new-tokens", "4");
        Assert.Equal(0, chat.ExitCode);
        Assert.Contains("* other  2 turns", chat.Out);
        Assert.Contains("  main  1 turns", chat.Out);
        Assert.Contains("2 turns cannot be taken back; there is 1", chat.Error);
        Assert.Contains("there is no command /nonsense", chat.Error);
        Assert.DoesNotContain("never", chat.Out);
    }

    [Fact]
    public async Task ATurnPastTheContextLeavesTheConversationUnchanged()
    {
        var tooLong = string.Join(' ', Enumerable.Repeat("dog", 600));
        var chat = await WithInput(
            $"Once upon a time\n{tooLong}\n/branches\n", "chat", "--model", s_storyteller, "--max-new-tokens", "4");
        Assert.Contains("leave no room in the context of 512", chat.Error);
        Assert.Contains("* main  1 turns, 8 tokens", chat.Out);
    }

    [Fact]
    public async Task ASavedConversationGoesOnInAnotherRun()
    {
        using var folder = new TemporaryFolder();
        var file = folder["story.chat"];
        string[] line = ["chat", "--model", s_storyteller, "--max-new-tokens", "10", "--session", file];
        await WithInput("Once upon a time\n", line);
        var apart = await WithInput("The dog said\n", line);
        var together = await WithInput("Once upon a time\nThe dog said\n", line[..^2]);
        Assert.EndsWith(together.Out.Split('\n', 2)[1], apart.Out);
    }

    [Fact]
    public async Task SavedKeysAndValuesAreUsedOrRecomputedWhereDamaged()
    {
        using var folder = new TemporaryFolder();
        var file = folder["story.chat"];
        string[] line = ["chat", "--model", s_storyteller, "--max-new-tokens", "10", "--eos-token-id", "none"];
        await WithInput($"Once upon a time\n/save {file}\n", line);
        var restored = await WithInput($"/load {file}\nThe dog said\n/cache\n", line);
        Assert.Equal((0, ""), (restored.ExitCode, restored.Error));
        // 14 tokens, the last of them never fed.
        Assert.Contains(", 13 (", restored.Out);
        var bytes = File.ReadAllBytes(file + ".kv");
        bytes[^40] ^= 1;
        File.WriteAllBytes(file + ".kv", bytes);
        var recomputed = await WithInput($"/load {file}\nThe dog said\n/cache\n", line);
        Assert.Contains("computed again", recomputed.Error);
        Assert.Contains(", 0 (", recomputed.Out);
        Assert.Equal(restored.Out.Split('\n')[..2], recomputed.Out.Split('\n')[..2]);
    }

    [Fact]
    public void ADamagedOrForeignFileIsRefused()
    {
        using var folder = new TemporaryFolder();
        var branches = new Dictionary<string, BranchContent>
        {
            ["main"] = new([1, 2, 3], [0, 2]),
            ["other"] = new([], []),
        };
        ConversationFile.Save(folder["a"], "model", new ConversationContent("main", branches));
        Assert.Single(Directory.GetFiles(folder.Path));
        var bytes = File.ReadAllBytes(folder["a"]);
        var read = ConversationFile.Load(folder["a"], "model", vocabulary: 4, context: 8);
        Assert.Equal("main", read.Current);
        Assert.Equal([1, 2, 3], read.Branches["main"].Ids);
        Assert.Equal([0, 2], read.Branches["main"].Turns);
        Assert.Empty(read.Branches["other"].Ids);
        Assert.Contains("another model", Refused("a", "other", 4, 8));
        Refused("a", "model", vocabulary: 3, context: 8);
        Refused("a", "model", vocabulary: 4, context: 2);
        for (var i = 0; i < bytes.Length; i++)
        {
            var damaged = (byte[])bytes.Clone();
            damaged[i] ^= 1;
            File.WriteAllBytes(folder["b"], damaged);
            Refused("b", "model", 4, 8);
            File.WriteAllBytes(folder["b"], bytes[..i]);
            Refused("b", "model", 4, 8);
        }

        string Refused(string file, string model, int vocabulary, int context) =>
            Assert.Throws<TorchKvException>(
                () => ConversationFile.Load(folder[file], model, vocabulary, context)).Message;
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(1, 1)]
    [InlineData(0, 4)]
    public void TurnsThatDescendOrLieOutsideTheTextAreRefused(int first, int second)
    {
        using var folder = new TemporaryFolder();
        var branches = new Dictionary<string, BranchContent> { ["main"] = new([1, 2, 3], [first, second]) };
        ConversationFile.Save(folder["a"], "model", new ConversationContent("main", branches));
        Assert.Throws<TorchKvException>(() => ConversationFile.Load(folder["a"], "model", 4, 8));
    }

    [Fact]
    public async Task TheRunnersTellTheSameConversation()
    {
        const string Input = "Once upon a time\n/fork other\nA cat came\n/switch main\nA dog came\n/cache\n";
        string[] line =
        [
            "chat", "--model", s_storyteller, "--max-new-tokens", "12", "--eos-token-id", "none", "--runner",
        ];
        var cpu = await WithInput(Input, [.. line, "cpu"]);
        var torch = await WithInput(Input, [.. line, "torch"]);
        Assert.Equal((0, ""), (torch.ExitCode, torch.Error));
        Assert.Equal(cpu.Out, torch.Out);
    }

    [Fact]
    public async Task WithJsonEveryInputLineIsAnsweredByAnObject()
    {
        using var folder = new TemporaryFolder();
        var chat = await WithInput(
            $"Once upon a time\n/fork other\n/branches\n/cache\n/nonsense\n/save {folder["a"]}\n/help\n",
            "chat", "--model", s_storyteller, "--max-new-tokens", "5", "--eos-token-id", "none", "--json");
        var answers = chat.Out.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(7, answers.Length);
        Assert.Equal(["text", "ids", "finish_reason", "usage"], Keys(answers[0]));
        Assert.Equal(["prompt_tokens", "completion_tokens", "cached_tokens"], Keys(answers[0].GetProperty("usage")));
        Assert.Equal(5, answers[0].GetProperty("ids").GetArrayLength());
        Assert.Equal("length", answers[0].GetProperty("finish_reason").GetString());
        Assert.Equal(
            ("/fork", "other", 1),
            (
                answers[1].GetProperty("command").GetString(),
                answers[1].GetProperty("branch").GetString(),
                answers[1].GetProperty("turns").GetInt32()));
        Assert.Equal(2, answers[2].GetProperty("branches").GetArrayLength());
        Assert.True(answers[3].GetProperty("held_blocks").GetInt32() > 0);
        Assert.Contains("no command /nonsense", answers[4].GetProperty("error").GetString());
        Assert.Equal("/save", answers[5].GetProperty("command").GetString());
        Assert.Contains("/rewind", answers[6].GetProperty("text").GetString());
    }

    [Fact]
    public async Task BadInputKeepsTheTurnsBeforeIt()
    {
        using var folder = new TemporaryFolder();
        string[] line = ["chat", "--model", s_storyteller, "--max-new-tokens", "6", "--session", folder["a"]];
        byte[] input = [.. "Once upon a time\n"u8, 0xff, 0xfe, (byte)'\n'];
        var broken = await WithBytes(input, line);
        Assert.Equal(1, broken.ExitCode);
        Assert.Contains("not UTF-8", broken.Error);
        var later = await WithInput("/branches\n", line);
        Assert.Contains("* main  1 turns", later.Out);
    }

    [Fact]
    public Task AnEmptySessionNameIsRefusedAtTheStart() =>
        RefusesUsage("'' is no name of a file", "chat", "--model", s_storyteller, "--session", "");

    [Fact]
    public Task AMissingFolderForASessionIsRefusedAtOnce() =>
        Fails("/nowhere/at/all", "chat", "--model", s_storyteller, "--session", "/nowhere/at/all/x");

    [Fact]
    public async Task AFolderIsNoSession()
    {
        using var folder = new TemporaryFolder();
        await RefusesUsage("is a folder", "chat", "--model", s_storyteller, "--session", folder.Path);
    }
}
