namespace TorchKv.TestSupport;

public class SkeletonTests
{
    [Fact]
    public void TheRepositoryIsFound() => Assert.True(File.Exists(Path.Combine(RepositoryFiles.Root, "run.sh")));
}
