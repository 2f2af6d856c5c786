using TorchKv.Extensions.AI.Tests;

[assembly: AssemblyFixture(typeof(StorytellerEngine))]
