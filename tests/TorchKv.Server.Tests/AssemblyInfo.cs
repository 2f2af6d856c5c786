using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

[assembly: AssemblyFixture(typeof(Storyteller))]
