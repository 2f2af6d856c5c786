using TorchKv.Server.Reconnecting;

namespace TorchKv.Server.Tests.Resuming;

public sealed class MemoryJournalTests
{
    [Fact]
    public async Task TheOldestStreamsGoFirst()
    {
        var journal = new MemoryJournal(most: 2);
        for (byte i = 0; i < 3; i++)
        {
            journal.Begin([i], Record()).Take(0, [i]);
        }

        Assert.Null(await journal.FindAsync([0], default));
        Assert.Equal([2], (await journal.FindAsync([2], default))!.Ids[0]);
    }

    [Fact]
    public async Task ItsTokensAreBounded()
    {
        var journal = new MemoryJournal(mostTokens: 10);
        for (byte i = 0; i < 4; i++)
        {
            var stream = journal.Begin([i], Record());
            stream.Take(0, [1, 2, 3]);
            stream.Take(1, [4, 5, 6]);
        }

        Assert.Null(await journal.FindAsync([1], default));
        Assert.Equal([4, 5, 6], (await journal.FindAsync([3], default))!.Ids[1]);
    }

    [Fact]
    public async Task AStreamThatBeganAgainReplacesItself()
    {
        var journal = new MemoryJournal(mostTokens: 10);
        for (var i = 0; i < 20; i++)
        {
            journal.Begin([1], Record()).Take(0, [1, 2, 3]);
        }

        Assert.Equal([1, 2, 3], (await journal.FindAsync([1], default))!.Ids[0]);
    }

    private static StreamRecord Record() => new([9], 1, [[], []]);
}
