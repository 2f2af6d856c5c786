using System.Runtime.InteropServices;
using System.Text;
using TorchKv.Runtime.Files;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Files;

[Trait("speed", "fast")]
public sealed partial class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string[] Names => [
        .. Directory.EnumerateFileSystemEntries(_folder.Path).Select(entry => Path.GetFileName(entry)).Order()
    ];

    [Fact]
    public void AFileIsMadeOrReplacedAndNothingElseRemains()
    {
        AtomicFile.WriteText(_folder["a.txt"], "first and longer");
        AtomicFile.WriteText(_folder["a.txt"], "second ü");
        Assert.Equal(Encoding.UTF8.GetBytes("second ü"), File.ReadAllBytes(_folder["a.txt"]));
        Assert.Equal(["a.txt"], Names);
    }

    [Fact]
    public void UntilItIsCommittedAFileIsAsItWas()
    {
        File.WriteAllText(_folder["a.txt"], "old");
        using (var file = AtomicFile.Prepare(_folder["a.txt"], stream => stream.Write("new"u8)))
        {
            Assert.Equal("old", File.ReadAllText(_folder["a.txt"]));
            var other = Assert.Single(Names, name => name != "a.txt");
            Assert.Equal(3, new FileInfo(_folder[other]).Length);
        }

        Assert.Equal("old", File.ReadAllText(_folder["a.txt"]));
        Assert.Equal(["a.txt"], Names);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AFailureWhileWritingLeavesTheOldFileAlone(bool ofTheDisk)
    {
        File.WriteAllText(_folder["a.txt"], "old");
        void Write(Stream stream)
        {
            stream.Write(new byte[100_000]);
            throw ofTheDisk ? new IOException("No space left on device") : new InvalidOperationException("a mistake");
        }

        if (ofTheDisk)
        {
            var refusal = Assert.Throws<OutputFileException>(() => AtomicFile.Write(_folder["a.txt"], Write));
            Assert.Equal($"{_folder["a.txt"]} cannot be written: No space left on device", refusal.Message);
        }
        else
        {
            Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(_folder["a.txt"], Write));
        }

        Assert.Equal("old", File.ReadAllText(_folder["a.txt"]));
        Assert.Equal(["a.txt"], Names);
    }

    [Fact]
    public void FilesOfTheUserThatLookLikeTemporaryOnesStay()
    {
        string[] names = ["a.txt.tmp", "a.txt.new", "a.txt.part", "a.txt.partial"];
        foreach (var name in names)
        {
            File.WriteAllText(_folder[name], "the user's");
        }

        AtomicFile.WriteText(_folder["a.txt"], "new");
        Assert.All(names, name => Assert.Equal("the user's", File.ReadAllText(_folder[name])));
        Assert.Equal(5, Names.Length);
    }

    [Fact]
    public async Task OfFilesWrittenAtOnceOneIsLeftWhole()
    {
        var texts = Enumerable.Range(0, 8).Select(i => new string((char)('a' + i), 50_000)).ToArray();
        await Task.WhenAll(texts.Select(text => Task.Run(() => AtomicFile.WriteText(_folder["a.txt"], text))));
        Assert.Contains(File.ReadAllText(_folder["a.txt"]), texts);
        Assert.Equal(["a.txt"], Names);
    }

    [Fact]
    public void ANameAsLongAsTheSystemAllowsIsWritten()
    {
        var name = new string('n', 255);
        AtomicFile.WriteText(_folder[name], "x");
        Assert.Equal([name], Names);
    }

    [Fact]
    public void AReplacedFileKeepsItsPermissions()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Unix permissions");
            return;
        }

        File.WriteAllText(_folder["a.txt"], "old");
        File.SetUnixFileMode(_folder["a.txt"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        AtomicFile.WriteText(_folder["a.txt"], "new");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder["a.txt"]));
    }

    [Theory]
    [InlineData("target.txt")]
    [InlineData("./sub/../target.txt")]
    [InlineData("second")]
    public void ALinkStaysAndItsTargetIsReplaced(string leadsTo)
    {
        Directory.CreateDirectory(_folder["sub"]);
        File.WriteAllText(_folder["target.txt"], "old");
        File.CreateSymbolicLink(_folder["second"], _folder["target.txt"]);
        File.CreateSymbolicLink(_folder["link"], leadsTo);
        AtomicFile.WriteText(_folder["link"], "new");
        Assert.Equal(leadsTo, new FileInfo(_folder["link"]).LinkTarget);
        Assert.Equal("new", File.ReadAllText(_folder["target.txt"]));
        Assert.Null(new FileInfo(_folder["target.txt"]).LinkTarget);
        Assert.Equal(["link", "second", "sub", "target.txt"], Names);
    }

    [Fact]
    public void ALinkThroughALinkedFolderIsFollowedAsUsual()
    {
        // folder/link leads to ../target.txt: beside "real", not beside "folder", which is a link itself.
        Directory.CreateDirectory(_folder["inner/real"]);
        File.WriteAllText(_folder["inner/target.txt"], "old");
        Directory.CreateSymbolicLink(_folder["folder"], _folder["inner/real"]);
        File.CreateSymbolicLink(_folder["inner/real/link"], "../target.txt");
        AtomicFile.WriteText(_folder["folder/link"], "new");
        Assert.Equal("new", File.ReadAllText(_folder["inner/target.txt"]));
        Assert.Equal("../target.txt", new FileInfo(_folder["inner/real/link"]).LinkTarget);
        Assert.Equal(["folder", "inner"], Names);
    }

    [Fact]
    public void ALinkToNothingMakesItsTarget()
    {
        File.CreateSymbolicLink(_folder["link"], "target.txt");
        AtomicFile.WriteText(_folder["link"], "new");
        Assert.Equal("target.txt", new FileInfo(_folder["link"]).LinkTarget);
        Assert.Equal("new", File.ReadAllText(_folder["target.txt"]));
        Assert.Equal(["link", "target.txt"], Names);
    }

    [Fact]
    public void LinksInACircleAreRefused()
    {
        File.CreateSymbolicLink(_folder["a"], "b");
        File.CreateSymbolicLink(_folder["b"], "a");
        Assert.Throws<OutputFileException>(() => AtomicFile.WriteText(_folder["a"], "x"));
        Assert.Equal(["a", "b"], Names);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APipeIsWrittenDirectlyAndStays(bool throughALink)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "mkfifo");
        Assert.Equal(0, mkfifo(_folder["pipe"], 0x180));
        File.CreateSymbolicLink(_folder["link"], "pipe");
        var read = Task.Run(() => File.ReadAllText(_folder["pipe"]));
        AtomicFile.WriteText(_folder[throughALink ? "link" : "pipe"], "through the pipe");
        Assert.Equal("through the pipe", await read);
        Assert.Equal(["link", "pipe"], Names);
        Assert.False(FileNode.Find(_folder["pipe"])!.Value.IsFile);
    }

    [Fact]
    public void ADeviceIsWrittenDirectlyAndStays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "mknod");
        const uint CharacterDevice = 0x2000;
        const ulong Null = 0x103;

        // A null device of the test's own; only root may make one.
        Assert.SkipUnless(mknod(_folder["null"], CharacterDevice | 0x1B6, Null) == 0, "no device can be made here");
        AtomicFile.WriteText(_folder["null"], "gone");
        Assert.Equal(["null"], Names);
        Assert.False(FileNode.Find(_folder["null"])!.Value.IsFile);
    }

    [Fact]
    public void AnEmptyNameIsRefusedInOneSentence() =>
        Assert.Equal(
            "'' is no name of a file.",
            Assert.Throws<OutputFileException>(() => AtomicFile.WriteText("", "x")).Message);

    [Fact]
    public void AFolderIsRefusedByName()
    {
        Directory.CreateDirectory(_folder["sub"]);
        foreach (var path in (string[])[_folder["sub"], _folder["sub/"], _folder["other/"]])
        {
            var refusal = Assert.Throws<OutputFileException>(() => AtomicFile.WriteText(path, "x"));
            Assert.Equal($"{path} is a folder; name a file.", refusal.Message);
        }

        Assert.Equal(["sub"], Names);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder["sub"]));
    }

    [Fact]
    public void AFileInAMissingFolderIsRefusedAtOnce()
    {
        var refusal = Assert.Throws<OutputFileException>(() => AtomicFile.Check(_folder["none/a.txt"]));
        Assert.Contains($"there is no folder {_folder["none"]}", refusal.Message, StringComparison.Ordinal);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkfifo(string path, uint mode);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mknod(string path, uint mode, ulong device);
}
