using System.Reflection;
using System.Runtime.Loader;

namespace TorchSharp.Conformance;

/// <summary>The binding alone: what is said where libtorch, or the library that leads to it, is not there.</summary>
public class MissingLibraryTests
{
    [Fact]
    public void WithoutTheNativeLibraryOneSentenceSaysWhatToDo()
    {
        var message = FailureIn(_ => { });

        Assert.Contains("was not found", message, StringComparison.Ordinal);
        Assert.Contains("libtorch-dev", message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALibraryThatCannotBeLoadedIsNamedWithItsReason()
    {
        var message = FailureIn(folder => File.WriteAllText(Path.Combine(folder, "libTorchKvNative.so"), "not a library"));

        Assert.Contains("could not be loaded", message, StringComparison.Ordinal);
        Assert.Contains("libtorch-dev", message, StringComparison.Ordinal);
    }

    // A copy of the assembly in a folder of its own, so that its first call looks for the library there.
    private static string FailureIn(Action<string> prepare)
    {
        var folder = Directory.CreateTempSubdirectory("torchsharp-").FullName;
        var context = new AssemblyLoadContext(null, isCollectible: true);
        try
        {
            var copy = Path.Combine(folder, "TorchSharp.dll");
            File.Copy(typeof(torch).Assembly.Location, copy);
            prepare(folder);
            var threads = context.LoadFromAssemblyPath(copy).GetType("TorchSharp.torch")!.GetMethod("get_num_threads")!;

            var error = Assert.Throws<TargetInvocationException>(() => threads.Invoke(null, null)).InnerException!;

            Assert.Equal("TorchSharp.LibtorchNotFoundException", error.GetType().FullName);
            Assert.IsAssignableFrom<NotSupportedException>(error);
            Assert.DoesNotContain('\n', error.Message);
            return error.Message;
        }
        finally
        {
            context.Unload();
            Directory.Delete(folder, recursive: true);
        }
    }
}
